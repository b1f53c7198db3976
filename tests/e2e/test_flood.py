"""What a peer may throw at the real process at full speed: all answered once, in bounded memory."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from rpcbackend.schema.limits import Limits
from tests.clauses import clause
from tests.e2e.raw import Child, Memory, child, encode, request_id
from tests.factories import an_id
from tests.machine import notification, request

MIB = 1024 * 1024

REQUESTS = 1_000_000
ROUND = (
    *[("ping", {})] * 47,
    ("branches.list", {}),
    ("students.get", {"studentId": an_id("stu")}),
    ("students.fly", {}),
)
ROUNDS = REQUESTS // len(ROUND)
TEMPLATE = b"".join(
    encode(request("number", channel, **params)).replace(b'"number"', b"%d")
    for channel, params in ROUND
)


def flood() -> Iterator[bytes]:
    """Make a million requests, with a notification after every 50 and a bad line after 500."""
    ping = encode(notification("ping"))
    for number in range(ROUNDS):
        first = number * len(ROUND)
        yield TEMPLATE % tuple(range(first, first + len(ROUND))) + ping
        if number % 10 == 0:
            yield b"{nonsense\n"


def joined(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Join chunks to pieces of about *size* bytes."""
    piece = bytearray()
    for chunk in chunks:
        piece += chunk
        if len(piece) >= size:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)


def kind(reply: Any) -> str:
    """Name what a reply says."""
    return str(reply["error"]["data"]["code"]) if "error" in reply else "result"


@clause("one-reply-per-request", "flood-memory-flat", "no-line-stops-the-process")
@pytest.mark.timeout(900)
def test_a_million_requests_are_answered_once_each_in_flat_memory(tmp_path: Path) -> None:
    # At this level a log line is a bug's.
    with child(tmp_path / "data", RPCBACKEND_LOG__LEVEL="ERROR") as backend:
        before = warm_memory(backend)
        kinds: Counter[str] = Counter()
        times_answered = bytearray(REQUESTS)

        backend.feed_all(joined(flood(), 256 * 1024))
        for reply in backend.replies:
            kinds[kind(reply)] += 1
            if reply["id"] is None:
                continue
            if reply["id"] == "last":
                break
            times_answered[reply["id"]] += 1
            if kinds.total() == REQUESTS + ROUNDS // 10:
                backend.feed(request("last", "ping"))

        after = backend.memory()
        backend.close_stdin()
        assert (list(backend.lines), backend.exit_code(), backend.errors) == ([], 0, "")
    tell(f"{REQUESTS:,} requests: {before.resident} MiB before, {after} after; {dict(kinds)}")
    assert times_answered == b"\1" * REQUESTS
    assert kinds["PARSE_ERROR"] == ROUNDS // 10
    # What waits for the store may come to be too much; pings never do.
    others = kinds["METHOD_NOT_FOUND"] + kinds["NOT_FOUND"] + kinds["OVERLOADED"]
    assert kinds["result"] + others == REQUESTS + 1
    assert kinds["result"] > 47 * ROUNDS
    assert after.peak - before.resident < 80


def tell(figures: str) -> None:
    """Show figures with -rP."""
    print(figures)  # noqa: T201 (for whoever wants to know)


def warm_memory(backend: Child) -> Memory:
    """Look at the memory when the store is open and the planner loaded."""
    backend.feed(request(1, "branches.list"), request(2, "students.fly"))
    assert {next(backend.replies)["id"], next(backend.replies)["id"]} == {1, 2}
    return backend.memory()


@clause("unread-output-memory", "unread-output-pauses", "one-reply-per-request")
def test_a_peer_that_reads_nothing_is_not_read_any_more_and_then_answered(tmp_path: Path) -> None:
    """Requests of 56 bytes, replies of 88 KB: what the pipe holds asks for a gigabyte."""
    count = 16_000
    with child(tmp_path / "data", RPCBACKEND_LOG__LEVEL="ERROR") as backend:
        before = warm_memory(backend)

        backend.feed(b"".join(encode(request(n, "rpc.discover")) for n in range(count)))
        backend.until_it_stops_reading()

        stopped = backend.memory()
        times_answered = bytearray(count)
        for line in islice(backend.lines, count):
            times_answered[request_id(line)] += 1
        after = backend.memory()
        backend.close_stdin()
        assert (list(backend.lines), backend.exit_code(), backend.errors) == ([], 0, "")
    tell(f"{before.resident} MiB before, {stopped} while nobody read, {after} after")
    assert times_answered == b"\1" * count
    # Once as it waits, and once more at most while it is put together.
    assert stopped.peak - before.resident < 2 * Limits().unread_bytes / MIB
    assert after.peak - before.resident < 2 * Limits().unread_bytes / MIB


@clause("unread-output-memory", "one-reply-per-request")
def test_what_waits_for_its_turn_does_not_begin_while_nobody_reads(seeded_school: Path) -> None:
    """A thousand pages of students come to forty megabytes."""
    count = 1_000
    with child(
        seeded_school,
        RPCBACKEND_LOG__LEVEL="ERROR",
        RPCBACKEND_LIMITS__UNREAD_BYTES=str(MIB),
        RPCBACKEND_LIMITS__UNREAD_RESUME_BYTES=str(MIB // 2),
        RPCBACKEND_LIMITS__IN_FLIGHT="16",
        RPCBACKEND_LIMITS__QUERY_MS="120000",
    ) as backend:
        before = warm_memory(backend)

        backend.feed(*(request(n, "students.list", limit=200) for n in range(count)))
        backend.until_it_sleeps()

        stopped = backend.memory()
        replies = list(islice(backend.replies, count))
        backend.close_stdin()
        assert (list(backend.lines), backend.exit_code(), backend.errors) == ([], 0, "")
    tell(f"{before.resident} MiB before, {stopped} while nobody read")
    assert sorted(reply["id"] for reply in replies) == [*range(count)]
    assert all("result" in reply for reply in replies)
    assert stopped.peak - before.resident < 20
