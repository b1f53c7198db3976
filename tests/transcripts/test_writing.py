"""What the recorder's thread makes of lines: entries, in chunks, under the key that holds."""

from collections.abc import Callable
from pathlib import Path

from rpcbackend.transcripts.files import open_transcript
from rpcbackend.transcripts.writing import CHUNK_BYTES, Bounds, Gap, Line, Taken, Writing
from tests.factories import KEY
from tests.transcripts.test_format import HEADER

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


def write(path: Path, *given: Taken) -> None:
    """Hand all of it over at once."""

    def take(write_one: Callable[[Taken], None]) -> bool:
        for each in given:
            write_one(each)
        return False

    Writing(path, HEADER, Bounds()).run(take)


def test_what_came_before_the_key_is_written_under_it(tmp_path: Path) -> None:
    line = Line(1.0, "in", "con_1", PING)

    write(tmp_path / "t", line, KEY, line, Gap(2.0, 7))

    entries = list(open_transcript(tmp_path / "t", [KEY]).entries())
    assert [(entry.t, entry.dir, entry.dropped) for entry in entries] == [
        (1.0, "in", 0),
        (1.0, "in", 0),
        (2.0, "event", 7),
    ]


def test_a_chunk_is_no_longer_than_a_crash_may_cost(tmp_path: Path) -> None:
    write(tmp_path / "t", KEY, *[Line(1.0, "in", "con_1", PING)] * 5_000)

    chunks = (tmp_path / "t").read_bytes().splitlines()
    assert len(chunks) > 5
    assert max(map(len, chunks)) < CHUNK_BYTES * 1.5


def test_notifications_are_events_and_replies_are_not(tmp_path: Path) -> None:
    ready = b'{"jsonrpc":"2.0","method":"system.ready","params":{}}'
    reply = b'{"jsonrpc":"2.0","id":1,"result":{}}'

    write(
        tmp_path / "t",
        None,
        Line(1.0, "out", "con_1", ready),
        Line(1.0, "in", "con_1", PING),
        Line(1.0, "out", "con_1", reply),
    )

    entries = open_transcript(tmp_path / "t").entries()
    assert [entry.dir for entry in entries] == ["event", "in", "out"]


def test_without_a_key_nothing_is_written(tmp_path: Path) -> None:
    write(tmp_path / "t", Line(1.0, "in", "con_1", PING))

    assert list(tmp_path.iterdir()) == []
