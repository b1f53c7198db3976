"""The event stream across processes: no gap and no repetition, whatever ended the one before."""

import signal
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.clauses import clause
from tests.e2e.raw import Child, child
from tests.machine import request

STUDENTS = 400

Stop = Callable[[Child], list[Any]]
"""Ends a process in the middle of its stream, and returns what still came out of it."""


def killed(backend: Child) -> list[Any]:
    backend.kill()
    return list(backend.replies)


def shut_down(backend: Child) -> list[Any]:
    backend.feed(request("shutdown", "shutdown"))
    rest = list(backend.replies)
    assert (rest[-1]["id"], backend.exit_code()) == ("shutdown", 0)
    return rest


def terminated(backend: Child) -> list[Any]:
    backend.process.send_signal(signal.SIGTERM)
    rest = list(backend.replies)
    assert backend.exit_code() == 0
    return rest


def is_event(line: Any) -> bool:
    return bool(line.get("method") == "event")


def seqs(lines: list[Any]) -> list[int]:
    """List the numbers of the events among *lines*."""
    return [line["params"]["seq"] for line in lines if is_event(line)]


def enrolled(lines: list[Any]) -> set[str]:
    """List the students whose creation was acknowledged."""
    return {
        line["result"]["student"]["id"] for line in lines if "student" in line.get("result", ())
    }


def enrol(backend: Child, branch_id: str, numbers: Iterator[int], times: int) -> None:
    """Pipeline the creation of students, each with the next number as id."""
    backend.feed(
        *(
            request(
                next(numbers),
                "students.create",
                branchId=branch_id,
                givenName="Ada",
                familyName="Byron",
                bornOn="2007-12-10",
            )
            for _ in range(times)
        )
    )


def read_until(backend: Child, is_last: Callable[[Any], bool]) -> list[Any]:
    """Read lines up to the first that *is_last*."""
    lines = []
    for line in backend.replies:
        lines.append(line)
        if is_last(line):
            break
    return lines


def event_from(seq: int) -> Callable[[Any], bool]:
    """Recognise the event of that number, or a later one."""
    return lambda line: is_event(line) and line["params"]["seq"] >= seq


@clause("event-resume-after-restart", "event-resume", "event-in-order")
@pytest.mark.parametrize("stop", [killed, shut_down, terminated])
def test_whoever_resumes_where_he_left_off_sees_every_event_once(
    tmp_path: Path, stop: Stop
) -> None:
    numbers = count()
    with child(tmp_path / "data") as first:
        first.feed(
            request("branch", "branches.save", name="Mitte", zone="Europe/Berlin", currency="EUR")
        )
        branch = next(first.replies)["result"]
        first.feed(request("events", "events.subscribe", afterSeq=0))
        enrol(first, branch["id"], numbers, STUDENTS)

        heard = read_until(first, event_from(STUDENTS // 4))
        heard += stop(first)

    last_seen = seqs(heard)[-1]
    assert seqs(heard) == [*range(1, last_seen + 1)]

    with child(tmp_path / "data") as second:
        second.feed(request("events", "events.subscribe", afterSeq=last_seen))
        enrol(second, branch["id"], numbers, STUDENTS)
        heard_again = read_until(second, lambda line: line.get("id") == 2 * STUDENTS - 1)
        newest = heard_again[-1]["result"]["_meta"]["seq"]
        if newest not in seqs(heard_again):
            heard_again += read_until(second, event_from(newest))
        second.close_stdin()
        assert (seqs(list(second.replies)), second.exit_code()) == ([], 0)

    assert seqs(heard_again) == [*range(last_seen + 1, newest + 1)]
    told_of = {line["params"]["aggregate"]["id"] for line in heard + heard_again if is_event(line)}
    assert enrolled(heard) | enrolled(heard_again) <= told_of
