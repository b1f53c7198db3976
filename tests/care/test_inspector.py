"""`rpcbackend inspect` at the command line: what it says, what it writes, and its exit codes."""

import io
import stat
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from rpcbackend.care.inspector import Look, inspect_transcript
from rpcbackend.cli import main
from tests.factories import KEY
from tests.transcripts.scripts import asked, told, write_script

DAY = [asked(1, 1, "ping"), told(2, 1, state="x"), asked(3, 2, "ping"), told(4, 2, state="x")]
OTHER_DAY = [*DAY[:3], told(4, 2, state="y")]


@pytest.fixture
def day(tmp_path: Path) -> Path:
    return write_script(tmp_path / "day.jsonl", DAY)


def inspect(*arguments: str | Path) -> int:
    return main(["inspect", *map(str, arguments)])


def test_the_page_stands_beside_the_transcript_and_is_nobody_elses(
    day: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [inspect(day), inspect(day)] == [0, 0]

    page = day.with_name("day.jsonl.html")
    assert capsys.readouterr().out == f"{page}: 4 messages\n" * 2
    assert stat.S_IMODE(page.stat().st_mode) == 0o600


def test_rows_that_differ_from_a_second_transcript_are_counted(
    day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second, page = write_script(tmp_path / "other", OTHER_DAY), tmp_path / "page.html"

    assert inspect(day, "--against", second, "-o", page) == 0

    assert capsys.readouterr().out == f"{page}: 8 messages, different rows: 1\n"


def test_what_may_differ_is_told_as_for_a_replay(
    day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    longer = [*DAY[:3], told(4, 2, state="x", new=1)]
    second = write_script(tmp_path / "other", longer)

    assert inspect(day, "--against", second, "--allow", "members") == 0

    assert ", different rows: 0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("keys", "code"),
    [([], 64), ([bytes(32)], 77), ([KEY], 0), ([bytes(32), KEY], 0)],
    ids=["no key", "another key", "its key", "the second key"],
)
def test_a_sealed_transcript_wants_its_key_on_stdin(
    tmp_path: Path, keys: list[bytes], code: int
) -> None:
    path = write_script(tmp_path / "day.jsonl", DAY, key=KEY)
    lines = [urlsafe_b64encode(key).decode().rstrip("=") for key in keys]

    assert inspect_transcript(Look(path=path), io.StringIO("\n".join(lines) + "\n")) == code

    assert path.with_name("day.jsonl.html").exists() == (code == 0)


def test_what_cannot_be_shown_exits_with_its_code(day: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_bytes(b"{}\n")

    assert inspect(tmp_path / "none.jsonl") == 64
    assert inspect(other) == 65
    assert inspect(day, "--against", other) == 65
    assert inspect(day, "-o", tmp_path / "no" / "page.html") == 73


def test_nothing_but_a_page_is_written_over(day: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = day.read_bytes()

    assert inspect(day, "-o", day) == 73

    assert capsys.readouterr().err == f"rpcbackend: {day} is there, and no page\n"
    assert day.read_bytes() == before


def test_of_a_damaged_transcript_the_page_shows_what_was_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_script(tmp_path / "day.jsonl", DAY, end=b"{}\n")

    assert inspect(path) == 65

    assert capsys.readouterr() == (
        f"{path}.html: 4 messages\n",
        "rpcbackend: a line is not an entry of a transcript; the page shows what was before\n",
    )
