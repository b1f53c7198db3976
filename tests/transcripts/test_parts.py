"""The files of a transcript as they are written: on a disk that refuses, and beside other files."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rpcbackend.transcripts.files import open_transcript
from rpcbackend.transcripts.format import Entry
from rpcbackend.transcripts.parts import TranscriptFile, check_place
from tests.factories import KEY
from tests.transcripts.scripts import HEADER

ENTRIES = [Entry(float(n), "in", "con_1", {"id": n, "text": "x" * 50}) for n in range(9)]
DATABASE = b"SQLite format 3\0 and all of the school"


def begun(path: Path, key: bytes | None, part_bytes: int = 9_999) -> TranscriptFile:
    return TranscriptFile(path, HEADER, key, part_bytes=part_bytes, parts=99)


def open_files() -> int:
    # Windows shows them nowhere.
    return sum(1 for _ in Path("/dev/fd").iterdir()) if sys.platform != "win32" else 0


@contextmanager
def full_disk(after: int) -> Iterator[None]:
    """Let the disk take so many bytes of what is written, and no more."""
    write, left = os.write, after

    def limited(fd: int, text: bytes) -> int:
        nonlocal left
        if left == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(fd, text[:left])
        left -= written
        return written

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", limited)
        yield


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "sealed"])
@pytest.mark.parametrize("part_bytes", [9_999, 300])
def test_a_disk_that_is_full_wherever_it_is_costs_nothing_once_there_is_room(
    tmp_path: Path, key: bytes | None, part_bytes: int
) -> None:
    for after in range(0, 1_500, 29):
        folder = tmp_path / str(after)
        folder.mkdir()
        file = begun(folder / "t", key, part_bytes)
        lines = [entry.to_line() for entry in ENTRIES]
        with full_disk(after):
            while lines:
                try:
                    file.write(lines.pop(0))
                except OSError:
                    break
        for line in lines:
            file.write(line)
        file.close()

        transcript = open_transcript(folder / "t", [KEY])
        assert list(transcript.entries()) == ENTRIES
        assert not transcript.is_torn


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "sealed"])
def test_a_disk_that_stays_full_costs_what_was_not_written_and_leaves_no_file_open(
    tmp_path: Path, key: bytes | None
) -> None:
    before = open_files()
    file = begun(tmp_path / "t", key)
    file.write(ENTRIES[0].to_line())
    with full_disk(20):
        with pytest.raises(OSError, match="space"):
            file.write(ENTRIES[1].to_line())
        for attempt in (file.flush, file.close):
            with pytest.raises(OSError, match="space"):
                attempt()

    assert open_files() == before
    transcript = open_transcript(tmp_path / "t", [KEY])
    assert list(transcript.entries()) == ENTRIES[:1]
    # A plain one ends at any line.
    assert transcript.is_torn == (key is not None)


@pytest.mark.parametrize("name", ["t", "t.1", "t.3"])
def test_no_file_but_a_transcript_is_moved_or_removed(tmp_path: Path, name: str) -> None:
    for _ in range(4):
        file = begun(tmp_path / "t", KEY)
        file.flush()
        file.close()
    (tmp_path / name).write_bytes(DATABASE)
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}

    with pytest.raises(FileExistsError):
        check_place(tmp_path / "t")
    with pytest.raises(FileExistsError):
        TranscriptFile(tmp_path / "t", HEADER, None, part_bytes=9, parts=2).flush()

    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before


def test_a_file_that_a_process_died_before_is_moved_out_of_the_way(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"")

    begun(tmp_path / "t", None).close()

    assert (tmp_path / "t.1").exists()
