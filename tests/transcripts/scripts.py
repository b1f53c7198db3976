"""Transcripts that are written by hand: calls, replies and events at given times."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rpcbackend.transcripts.format import Entry, Header
from rpcbackend.transcripts.parts import TranscriptFile

HEADER = Header(
    version="1.2.3",
    contract_hash="ab" * 32,
    seed="00" * 16,
    started_ms=1_795_939_200_000,
    schema_version=1,
)


def asked(t: float, number: int, channel: str, conn: str = "con_1", **params: Any) -> Entry:
    """Write a request."""
    msg = {"jsonrpc": "2.0", "id": number, "method": channel, "params": params}
    return Entry(t, "in", conn, msg)


def told(t: float, number: int, conn: str = "con_1", **result: Any) -> Entry:
    """Write a reply."""
    return Entry(t, "out", conn, {"jsonrpc": "2.0", "id": number, "result": result})


def failed(t: float, number: int, symbol: str, conn: str = "con_1") -> Entry:
    """Write an error reply."""
    error = {"code": 1102, "message": "No.", "data": {"code": symbol, "outcome": "none"}}
    return Entry(t, "out", conn, {"jsonrpc": "2.0", "id": number, "error": error})


def happened(t: float, kind: str, conn: str = "con_1", **data: Any) -> Entry:
    """Write an event."""
    msg = {"jsonrpc": "2.0", "method": "event", "params": {"type": kind, "data": data}}
    return Entry(t, "event", conn, msg)


def busy_day(messages: int) -> Iterator[Entry]:
    """Write a day on which one call follows the other."""
    for number in range(messages // 2):
        at, name = number * 7.5, ("students.get", "lessons.list", "payments.list")[number % 3]
        yield asked(at, number, name, studentId=f"stu_{number * 7919 % 9973}")
        yield told(at + number % 97 / 10, number, fullName=f"<personal:{number % 500}>", rev=number)


def write_script(
    path: Path, entries: Iterable[Entry], *, end: bytes = b"", key: bytes | None = None
) -> Path:
    """Write a transcript, sealed if there is a key, and something behind it."""
    file = TranscriptFile(path, HEADER, key, part_bytes=2**40, parts=1)
    file.write(b"".join(entry.to_line() for entry in entries))
    file.write(end)
    file.close()
    return path
