"""`rpcbackend replay` at the command line: what it says, and its exit codes."""

import asyncio
import io
import shutil
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from rpcbackend import PROTOCOL_VERSION
from rpcbackend.care.replay import Order, replay_transcript
from rpcbackend.cli import main
from rpcbackend.store import DirectoryLock
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, FrozenClock, running_app
from rpcbackend.transcripts.files import open_transcript
from rpcbackend.transcripts.recorder import Recorder
from tests.factories import KEY, School, save_branch

TEXT = urlsafe_b64encode(KEY).decode().rstrip("=")
INITIALIZE = {"protocolVersion": PROTOCOL_VERSION, "client": {"name": "test", "version": "1"}}


async def record(folder: Path, key: bytes | None = None, *, is_first: bool = True) -> Path:
    """Record a short day, the first one of its school or another one, and return the path."""
    path = folder / "day.jsonl"
    recorder = Recorder(path, FrozenClock())
    async with running_app(folder / "data", Surroundings(clock=FrozenClock(), tap=recorder)) as app:
        client = Client(app)
        if key is not None:
            await client.call("initialize", **INITIALIZE, databaseKey=TEXT)
        if is_first:
            await School(client).open()
        await client.call("students.list")
        await save_branch(client, currency="CHF")
    recorder.close()
    return path


@pytest.fixture
def day(tmp_path: Path) -> Path:
    """A short day, recorded on a plain store."""
    return asyncio.run(record(tmp_path))


def replay(path: Path, *arguments: str) -> int:
    return main(["replay", str(path), *arguments])


def spoil(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def test_a_transcript_that_comes_again_is_told_in_figures(
    day: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay(day) == 0
    assert capsys.readouterr().out == (
        f"{day}: 12 messages, recorded by version 0.1.0\n"
        "6 replies and events compared, 0 differences\n"
    )


def test_differences_are_told_and_exit_with_1(
    day: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(day, '"currency":"CHF","language"', '"currency":"SEK","language"')

    assert replay(day) == 1
    told = capsys.readouterr().out
    assert "compared, 1 difference\n" in told
    assert "first difference: branches.save, 0.000 s after the start, on con_1\n" in told
    assert '  at result.currency\n    expected "SEK"\n         got "CHF"\n' in told


def test_what_may_differ_can_be_said(day: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(day, '"seq":5', '"seq":6')

    assert replay(day) == 1
    assert replay(day, "--allow", "numbers", "--allow", "ids") == 0
    assert "different where it may be: numbers 1\n" in capsys.readouterr().out


def test_a_transcript_becomes_a_test_if_nothing_differs(
    day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "kept.jsonl"

    assert replay(day, "--keep", str(kept)) == 0
    assert capsys.readouterr().out.endswith(f"kept as {kept}\n")
    assert kept.read_bytes() == day.read_bytes()
    assert replay(day, "--keep", str(kept)) == 73
    spoil(day, '"currency":"CHF","language"', '"currency":"SEK","language"')
    assert replay(day, "--keep", str(tmp_path / "other")) == 1
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("text", "code"),
    [("", 65), ("{}\n", 65), ("SQLite", 65), (None, 64)],
    ids=["empty", "no header", "no JSON", "not there"],
)
def test_what_is_no_transcript_is_refused(tmp_path: Path, text: str | None, code: int) -> None:
    path = tmp_path / "t"
    if text is not None:
        path.write_text(text, encoding="utf-8")

    assert replay(path) == code


def test_one_that_was_changed_in_the_middle_is_refused(
    day: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(day, '"dir":"out"', '"dir":"up"')

    assert replay(day) == 65
    assert "is not an entry of a transcript" in capsys.readouterr().err


def test_one_of_a_newer_program_is_refused(day: Path) -> None:
    spoil(day, '"schemaVersion":', '"schemaVersion":9')

    assert replay(day) == 79


def test_a_sealed_one_wants_its_key_on_stdin(tmp_path: Path) -> None:
    path = asyncio.run(record(tmp_path, KEY))
    kept = tmp_path / "kept.jsonl"
    order = Order(path=path, keep=kept)

    assert replay_transcript(order, io.StringIO("")) == 64
    assert replay_transcript(order, io.StringIO("B" * 43 + "\n")) == 77
    assert replay_transcript(order, io.StringIO(f"{TEXT}\n")) == 0
    # What is kept as a test is plain: there is nothing secret in it.
    assert open_transcript(kept).header == open_transcript(path, [KEY]).header


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
def test_a_copy_of_the_store_is_replayed_against_and_the_store_stays(
    tmp_path: Path, key: bytes | None
) -> None:
    asyncio.run(record(tmp_path, key)).unlink()
    shutil.copytree(tmp_path / "data", tmp_path / "before")
    path = asyncio.run(record(tmp_path, key, is_first=False))
    before = (tmp_path / "before" / "school.db").read_bytes()
    order = Order(path=path, against=tmp_path / "before")

    code = replay_transcript(order, io.StringIO(f"{TEXT}\n"))

    assert code == 0
    assert (tmp_path / "before" / "school.db").read_bytes() == before


def test_a_store_in_use_or_none_at_all_is_not_replayed_against(day: Path, tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path / "data")
    busy = replay(day, "--against", str(tmp_path / "data"))
    lock.release()

    assert (busy, replay(day, "--against", str(tmp_path / "empty"))) == (69, 64)
