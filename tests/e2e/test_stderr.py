"""A stderr that nobody reads, or that is closed, holds up nothing in the real process."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from tests.clauses import clause
from tests.e2e.raw import child
from tests.factories import an_id
from tests.machine import request

CALLS = 5_000
"""Each leaves a log line of over 100 bytes; a pipe holds 64 KiB."""


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Make a pipe for stderr."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


@clause("stderr-unread-is-harmless", "one-reply-per-request")
@pytest.mark.parametrize("level", ["TRACE", "DEBUG", "INFO"])
@pytest.mark.parametrize("is_closed", [False, True], ids=["unread", "closed"])
def test_calls_are_answered_and_the_end_is_in_order(
    tmp_path: Path, pipe: tuple[int, int], level: str, *, is_closed: bool
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'[log]\nlevel = "{level}"\n', encoding="utf-8")
    arguments = ("--config", str(config))
    with child(tmp_path / "data", *arguments, stderr=pipe[1]) as backend:
        if is_closed:
            os.dup2(pipe[1], pipe[0])
        calls = [
            request(n, "students.get", studentId=an_id("stu")) if n % 10 else request(n, "ping")
            for n in range(CALLS)
        ]
        backend.feed(*calls)
        answered = sorted(reply["id"] for reply in islice(backend.replies, CALLS))
        backend.close_stdin()

        assert answered == [*range(CALLS)]
        assert (list(backend.lines), backend.exit_code()) == ([], 0)
