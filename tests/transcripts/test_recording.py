"""Where a process can record, and what its surroundings are given for it."""

from pathlib import Path

import pytest

from rpcbackend.config import RecordSettings
from rpcbackend.door import ExitRequestedError
from rpcbackend.exits import EX_CANTCREAT
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, running_app
from rpcbackend.transcripts.files import open_transcript
from rpcbackend.transcripts.recording import recording


async def test_what_is_said_is_recorded_and_its_files_are_known(tmp_path: Path) -> None:
    surroundings, path = Surroundings(), tmp_path / "day.jsonl"
    with recording(RecordSettings(file=path), surroundings):
        async with running_app(tmp_path / "data", surroundings) as app:
            await Client(app).call("branches.list")

    assert [entry.name for entry in await surroundings.recordings.look()] == ["day.jsonl"]
    assert next(open_transcript(path).entries()).msg["method"] == "branches.list"


async def test_nothing_is_recorded_unless_a_file_is_named() -> None:
    surroundings = Surroundings()

    with recording(RecordSettings(), surroundings):
        assert surroundings.tap is None
        assert await surroundings.recordings.look() == []


def test_a_place_for_no_transcript_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear all,", encoding="utf-8")

    for name, reason in (("nowhere/day.jsonl", "no folder"), ("letter.txt", "no transcript")):
        with (
            pytest.raises(ExitRequestedError, match=reason) as ended,
            recording(RecordSettings(file=tmp_path / name), Surroundings()),
        ):
            pass
        assert ended.value.code == EX_CANTCREAT
    assert (tmp_path / "letter.txt").read_text("utf-8") == "Dear all,"
