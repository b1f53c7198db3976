"""The files of a transcript: rotated, sealed or plain, and read up to where they end."""

import re
import stat
import sys
from pathlib import Path

import pytest

from rpcbackend.transcripts.files import open_transcript
from rpcbackend.transcripts.format import Entry, TranscriptError
from rpcbackend.transcripts.parts import TranscriptFile
from rpcbackend.transcripts.sealed import WrongTranscriptKeyError
from tests.clauses import clause
from tests.factories import KEY
from tests.transcripts.scripts import asked, write_script
from tests.transcripts.test_format import HEADER

ENTRIES = [Entry(float(n), "in", "con_1", {"id": n, "text": "x" * 50}) for n in range(9)]
OTHER_KEY = bytes(32)


def write(
    path: Path, key: bytes | None = None, *, part_bytes: int = 9_999, parts: int = 9
) -> TranscriptFile:
    file = TranscriptFile(path, HEADER, key, part_bytes=part_bytes, parts=parts)
    for entry in ENTRIES:
        file.write(entry.to_line())
    return file


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "sealed"])
def test_what_is_written_is_read(tmp_path: Path, key: bytes | None) -> None:
    write(tmp_path / "t", key).close()

    transcript = open_transcript(tmp_path / "t", [OTHER_KEY, KEY])

    assert transcript.header == HEADER
    assert list(transcript.entries()) == list(transcript.entries()) == ENTRIES
    assert not transcript.is_torn


@pytest.mark.parametrize(
    ("most", "pauses"), [(None, 4), (250, 1 + 3)], ids=["all", "the last, past the others"]
)
def test_others_have_a_turn_while_a_long_one_is_read(
    tmp_path: Path, most: int | None, pauses: int
) -> None:
    file = TranscriptFile(tmp_path / "t", HEADER, None, part_bytes=999_999, parts=9)
    for number in range(400):
        file.write(asked(number, number, "ping").to_line())
    file.close()
    transcript = open_transcript(tmp_path / "t")
    turns: list[int] = []
    transcript.most, transcript.pause = most, lambda: turns.append(1)

    assert len(list(transcript.entries())) == (most or 400)

    assert len(turns) == pauses


@clause("transcript-sealed")
def test_a_sealed_file_shows_nothing_and_wants_its_key(tmp_path: Path) -> None:
    write(tmp_path / "t", KEY).close()

    assert b"con_1" not in (tmp_path / "t").read_bytes()
    for keys in ([], [OTHER_KEY]):
        with pytest.raises(WrongTranscriptKeyError):
            open_transcript(tmp_path / "t", keys)


def test_a_file_is_its_owners_alone(tmp_path: Path) -> None:
    write(tmp_path / "t").close()

    # Windows has no such bits.
    expected = 0o666 if sys.platform == "win32" else 0o600
    assert stat.S_IMODE((tmp_path / "t").stat().st_mode) == expected


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "sealed"])
def test_a_long_transcript_goes_on_in_other_files_and_is_read_as_one(
    tmp_path: Path, key: bytes | None
) -> None:
    write(tmp_path / "t", key, part_bytes=600, parts=99).close()

    found = names(tmp_path)
    assert len(found) > 2
    assert list(open_transcript(tmp_path / "t", [KEY]).entries()) == ENTRIES
    older = open_transcript(tmp_path / "t.1", [KEY])
    assert list(older.entries()) == ENTRIES[: len(list(older.entries()))]


def test_no_more_files_are_kept_than_wanted_and_that_the_first_is_missing_is_told(
    tmp_path: Path,
) -> None:
    write(tmp_path / "t", part_bytes=300, parts=2).close()

    assert names(tmp_path) == ["t", "t.1"]
    with pytest.raises(TranscriptError, match="is missing"):
        open_transcript(tmp_path / "t")
    rest = list(open_transcript(tmp_path / "t", is_whole=False).entries())
    assert rest == ENTRIES[-len(rest) :]


def test_a_transcript_before_is_moved_out_of_the_way_and_is_no_part_of_it(tmp_path: Path) -> None:
    write(tmp_path / "t").close()
    write(tmp_path / "t").close()

    assert names(tmp_path) == ["t", "t.1"]
    assert open_transcript(tmp_path / "t").paths == [tmp_path / "t"]


def test_part_two_of_another_transcript_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "t", part_bytes=600).close()
    seed = HEADER.seed.encode()
    other = (tmp_path / "t.1").read_bytes().replace(seed, seed[::-1])
    (tmp_path / "t.1").write_bytes(other)

    with pytest.raises(TranscriptError, match="is not part"):
        open_transcript(tmp_path / "t")


@clause("transcript-torn")
@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "sealed"])
def test_a_tear_costs_no_more_than_what_it_goes_through(tmp_path: Path, key: bytes | None) -> None:
    write(tmp_path / "t", key).close()
    whole = (tmp_path / "t").read_bytes()
    ends = [at + 1 for at, byte in enumerate(whole) if byte == ord("\n")]
    first = 2 if key else 1

    for length in range(ends[first - 1], len(whole)):
        (tmp_path / "t").write_bytes(whole[:length])
        transcript = open_transcript(tmp_path / "t", [KEY])
        before = sum(1 for end in ends if end <= length) - first
        assert list(transcript.entries()) == ENTRIES[:before]
        assert transcript.is_torn == (key is not None or length not in ends)


@clause("transcript-sealed")
def test_what_is_spoilt_in_the_middle_is_told_after_what_stands_before(tmp_path: Path) -> None:
    write(tmp_path / "t", KEY).close()
    lines = (tmp_path / "t").read_bytes().splitlines(keepends=True)
    (tmp_path / "t").write_bytes(b"".join([*lines[:5], b"A" + lines[5][1:], *lines[6:]]))

    entries = open_transcript(tmp_path / "t", [KEY]).entries()

    assert [next(entries) for _ in range(3)] == ENTRIES[:3]
    with pytest.raises(TranscriptError):
        next(entries)


@clause("transcript-torn")
@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "sealed"])
@pytest.mark.parametrize("cut", ["a line", "half a line"])
def test_that_an_older_part_was_cut_is_told(tmp_path: Path, key: bytes | None, cut: str) -> None:
    write(tmp_path / "t", key, part_bytes=600, parts=99).close()
    text = (tmp_path / "t.1").read_bytes()
    lines = text.splitlines(keepends=True)
    (tmp_path / "t.1").write_bytes(b"".join(lines[:-1]) if cut == "a line" else text[:-9])

    with pytest.raises(TranscriptError, match=r"was cut|are missing"):
        list(open_transcript(tmp_path / "t", [KEY]).entries())
    older = open_transcript(tmp_path / "t.1", [KEY])
    list(older.entries())
    assert older.is_torn == (key is not None or cut == "half a line")


def test_parts_that_do_not_say_what_was_before_are_read_too(tmp_path: Path) -> None:
    write(tmp_path / "t", part_bytes=600, parts=99).close()
    for file in tmp_path.iterdir():
        text = file.read_text(encoding="utf-8")
        file.write_text(re.sub(r',"before":\d+', "", text), encoding="utf-8")

    assert list(open_transcript(tmp_path / "t").entries()) == ENTRIES


@clause("transcript-sealed")
def test_nothing_can_be_added_behind_the_end(tmp_path: Path) -> None:
    write(tmp_path / "t", KEY).close()
    with (tmp_path / "t").open("ab") as file:
        file.write(b"more\n")

    with pytest.raises(TranscriptError, match="was added"):
        list(open_transcript(tmp_path / "t", [KEY]).entries())


def test_another_key_begins_another_file_and_both_open_all(tmp_path: Path) -> None:
    file = write(tmp_path / "t", KEY)
    file.go_on(OTHER_KEY)
    file.write(ENTRIES[0].to_line())
    file.close()

    transcript = open_transcript(tmp_path / "t", [OTHER_KEY, KEY])
    assert list(transcript.entries()) == [*ENTRIES, ENTRIES[0]]


@pytest.mark.parametrize("text", [b"", b"SQLite format 3\0", b"{}\n"])
def test_any_other_file_is_no_transcript(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "t").write_bytes(text)

    with pytest.raises(TranscriptError):
        open_transcript(tmp_path / "t")


def test_the_last_entries_alone_are_read_if_no_more_are_wanted(tmp_path: Path) -> None:
    entries = [asked(number, number, "ping") for number in range(5)]
    transcript = open_transcript(write_script(tmp_path / "day.jsonl", entries))
    transcript.most = 3

    assert [entry.t for entry in transcript.entries()] == [2, 3, 4]
    assert transcript.skipped == 2


def test_damage_after_the_last_entries_is_told_behind_them(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    file = TranscriptFile(path, HEADER, KEY, part_bytes=10_000, parts=1)
    for number in range(5):
        file.write(asked(number, number, "ping").to_line())
    file.close()
    path.write_bytes(path.read_bytes() + b"{}\n")
    transcript = open_transcript(path, [KEY])
    transcript.most = 3
    entries = transcript.entries()

    assert [next(entries).t for _ in range(3)] == [2, 3, 4]
    assert transcript.skipped == 2
    with pytest.raises(TranscriptError):
        next(entries)
