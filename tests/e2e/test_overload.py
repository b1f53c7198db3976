"""The real process with more calls than it runs at once: queue, refusal, who overtakes whom."""

import signal
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from rpcbackend.schema.limits import Limits
from tests.clauses import clause
from tests.e2e.backend import shown
from tests.e2e.raw import WIDE_BYTES, child
from tests.machine import request


@clause("limit-in-flight", "limit-queue", "control-overtakes", "one-reply-per-request")
def test_more_than_fits_is_overloaded_and_a_ping_overtakes_all_that_fits(
    seeded_school: Path,
) -> None:
    count = 3_000
    with child(seeded_school, pipe_bytes=WIDE_BYTES) as backend:
        with backend.held():
            backend.feed(
                *(request(n, "lessons.list") for n in range(count)),
                request(count, "ping"),
            )

        replies = list(islice(backend.replies, count + 1))

        backend.close_stdin()
        assert (list(backend.lines), backend.exit_code()) == ([], 0)
    refused = [reply for reply in replies if "error" in reply]
    assert sorted(reply["id"] for reply in replies) == [*range(count + 1)]
    assert {shown(reply)[1:] for reply in refused} == {(-32030, "OVERLOADED")}
    assert {reply["error"]["data"]["retryAfterMs"] for reply in refused} == {100}
    # Those that ended while the others came have made room for as many.
    assert Limits().in_flight + Limits().queued <= count - len(refused) < count
    assert position(replies, count) < count - Limits().in_flight


@clause("control-overtakes", "replies-in-any-order")
def test_a_ping_overtakes_heavy_calls_that_came_before_it(seeded_school: Path) -> None:
    with child(seeded_school, pipe_bytes=WIDE_BYTES) as backend:
        with backend.held():
            backend.feed(
                *(request(n, "lessons.list", limit=200) for n in range(256)),
                request(256, "ping"),
            )

        replies = list(islice(backend.replies, 257))

    assert sorted(reply["id"] for reply in replies) == [*range(257)]
    assert all("result" in reply for reply in replies)
    assert position(replies, 256) < 128


def position(lines: list[Any], id: Any) -> int:
    """Count the lines before the reply to that request."""
    return [line.get("id") for line in lines].index(id)


@clause("signals-are-shutdowns", "shutdown-drains", "one-reply-per-request")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_over_a_full_queue_loses_no_call(
    seeded_school: Path, number: signal.Signals
) -> None:
    """Whatever the machine's load, the drain is long enough here."""
    count = Limits().in_flight + Limits().queued
    with child(seeded_school, pipe_bytes=WIDE_BYTES, RPCBACKEND_DRAIN_SECONDS="60") as backend:
        with backend.held():
            backend.feed(
                *(request(n, "lessons.list") for n in range(count)), request("ping", "ping")
            )
        # All of them have arrived when the last one is answered.
        lines = [next(backend.replies)]
        while lines[-1]["id"] != "ping":
            lines.append(next(backend.replies))

        backend.process.send_signal(number)

        lines += backend.replies
        assert (backend.exit_code(), backend.errors) == (0, "")
    lines.remove({"jsonrpc": "2.0", "id": "ping", "result": {}})
    assert sorted(line["id"] for line in lines) == [*range(count)]
    assert all("result" in line for line in lines)


@clause("signals-are-shutdowns", "shutdown-bounded", "one-reply-per-request")
def test_what_a_short_drain_cannot_end_is_refused_and_the_exit_code_says_so(
    seeded_school: Path,
) -> None:
    count = Limits().in_flight + Limits().queued
    with child(seeded_school, pipe_bytes=WIDE_BYTES, RPCBACKEND_DRAIN_SECONDS="0.001") as backend:
        with backend.held():
            backend.feed(
                *(request(n, "lessons.list", limit=200) for n in range(count)),
                request("ping", "ping"),
            )
        lines = [next(backend.replies)]
        while lines[-1]["id"] != "ping":
            lines.append(next(backend.replies))

        backend.process.send_signal(signal.SIGTERM)

        lines += backend.replies
        assert backend.exit_code() == 75
    lines.remove({"jsonrpc": "2.0", "id": "ping", "result": {}})
    assert sorted(line["id"] for line in lines) == [*range(count)]
    assert {shown(line)[1:] for line in lines if "error" in line} == {(-32031, "SHUTTING_DOWN")}


@clause("event-at-the-reader-s-pace", "replies-in-any-order")
def test_a_subscriber_who_does_not_read_yet_holds_up_none_of_his_calls(
    seeded_school: Path,
) -> None:
    """The stream waits for its reader; what is asked behind it does not wait for the stream."""
    with child(seeded_school) as backend:
        backend.feed(
            request("events", "events.subscribe", afterSeq=0),
            request("ping", "ping"),
            request("list", "students.list"),
        )
        backend.until_it_sleeps()

        lines = [next(backend.replies)]
        while lines[-1].get("id") != "events":
            lines.append(next(backend.replies))
        head_seq = lines[-1]["result"]["headSeq"]
        lines += islice(backend.replies, head_seq + 3 - len(lines))
        backend.close_stdin()
        assert (list(backend.lines), backend.exit_code()) == ([], 0)

    replies = [line["id"] for line in lines if "id" in line]
    events = [line["params"]["seq"] for line in lines if "id" not in line]
    assert sorted(replies) == ["events", "list", "ping"]
    assert events == [*range(1, head_seq + 1)]
    # About a megabyte of events was ready; the answers are among them.
    assert position(lines, "list") < head_seq // 2
