"""Files that grow neither too large nor too old, and leave no more behind than is wanted."""

import gzip
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from loguru import logger

from rpcbackend.observability.log_file import LogFile, Rotation

LINE = "0123456789" * 10 + "\n"
DAY = 86_400


@pytest.fixture(autouse=True)
def _bare() -> Iterator[None]:
    """As at the start of the process: nothing that writes to stderr by itself."""
    logger.remove()
    yield
    logger.add(sys.stderr)


def open_log(directory: Path, **given: Any) -> LogFile:
    usual: dict[str, Any] = {
        "max_bytes": 1_000,
        "interval": "day",
        "keep_files": 100,
        "keep_days": 100,
        "is_packed": False,
    }
    return LogFile(directory / "logs" / "backend.log", **(usual | given))


def files_in(directory: Path) -> list[Path]:
    """Return the files, the oldest first, the one that is written last."""
    files = sorted((directory / "logs").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    live = directory / "logs" / "backend.log"
    return [*(path for path in files if path != live), live]


def content_of(path: Path) -> str:
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes()).decode()
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("is_packed", [True, False], ids=["packed", "plain"])
def test_no_line_is_lost_and_no_file_grows_too_large(tmp_path: Path, *, is_packed: bool) -> None:
    log = open_log(tmp_path, is_packed=is_packed)
    written = [f"{number:03} {LINE}" for number in range(50)]
    for line in written:
        log.write(line)
    log.close()

    files = files_in(tmp_path)
    contents = [content_of(path) for path in files]
    assert sorted("".join(contents).splitlines(keepends=True)) == written
    assert all(len(content) <= 1_000 for content in contents)
    assert {path.suffix for path in files[:-1]} == {".gz" if is_packed else ".log"}


def test_what_is_written_goes_on_in_the_same_file_after_a_restart(tmp_path: Path) -> None:
    for _ in range(3):
        log = open_log(tmp_path)
        log.write(LINE)
        log.close()

    (file,) = files_in(tmp_path)
    assert content_of(file) == LINE * 3


def test_only_so_many_files_are_kept(tmp_path: Path) -> None:
    log = open_log(tmp_path, keep_files=3)
    for _ in range(100):
        log.write(LINE)
    log.close()

    assert len(files_in(tmp_path)) == 4


def test_what_is_too_old_is_given_up(tmp_path: Path) -> None:
    log = open_log(tmp_path, keep_days=2)
    for _ in range(20):
        log.write(LINE)
    *before, _ = files_in(tmp_path)
    old = datetime.now(UTC).timestamp() - 3 * DAY
    os.utime(before[0], (old, old))
    for _ in range(10):
        log.write(LINE)
    log.close()

    assert before[0] not in files_in(tmp_path)
    assert before[1] in files_in(tmp_path)


def test_the_files_are_the_owner_s_alone(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.write(LINE)
    log.close()

    assert (tmp_path / "logs").stat().st_mode & 0o777 == 0o700
    assert files_in(tmp_path)[0].stat().st_mode & 0o777 == 0o600


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()

    with pytest.raises(OSError, match="logs"):
        open_log(tmp_path)


# Python closes a file whose last line found no room when it is collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_the_disk_refuses_is_told() -> None:
    log = LogFile(
        Path("/dev/full"),
        max_bytes=10**9,
        interval="week",
        keep_files=1,
        keep_days=1,
        is_packed=False,
    )

    with pytest.raises(OSError, match="space"):
        log.write(LINE)

    with pytest.raises(OSError, match="space"):
        log.close()


def test_odd_characters_are_written_somehow(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.write("{0} {unknown} \ud800\n")
    log.close()

    assert content_of(files_in(tmp_path)[0]) == "{0} {unknown} \\ud800\n"


# Time


class Message(str):
    """A line that was logged at some time."""

    __slots__ = ("record",)
    record: dict[str, datetime]


def message(at: datetime) -> Any:
    made = Message(LINE)
    made.record = {"time": at}
    return made


NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("interval", "later", "is_due"),
    [
        ("hour", timedelta(minutes=59), False),
        ("hour", timedelta(minutes=60), True),
        ("day", timedelta(hours=11, minutes=59), False),
        ("day", timedelta(hours=12), True),
        # A Saturday: the week ends with Sunday.
        ("week", timedelta(days=1, hours=11), False),
        ("week", timedelta(days=1, hours=12), True),
        ("day", timedelta(days=-1), True),
    ],
)
def test_a_new_file_begins_with_the_period(
    tmp_path: Path, interval: Any, later: timedelta, *, is_due: bool
) -> None:
    with (tmp_path / "log").open("a+", encoding="utf-8") as file:
        rotation = Rotation(10**6, interval)
        assert not rotation.is_due(message(NOON), file)
        file.write(LINE)
        file.flush()

        assert rotation.is_due(message(NOON + later), file) == is_due


@pytest.mark.parametrize(("hours", "is_due"), [(1, False), (13, True)])
def test_the_clock_goes_on_while_nobody_runs(tmp_path: Path, hours: int, *, is_due: bool) -> None:
    path = tmp_path / "log"
    path.write_text(LINE, encoding="utf-8")
    os.utime(path, (NOON.timestamp(), NOON.timestamp()))

    with path.open("a+", encoding="utf-8") as file:
        later = message(NOON + timedelta(hours=hours))
        assert Rotation(10**6, "day").is_due(later, file) == is_due


@given(sizes=some.lists(some.integers(1, 50), max_size=30))
def test_an_empty_file_is_never_replaced(sizes: list[int]) -> None:
    """A line that is larger than any file may be must not make an endless row of empty ones."""
    rotation, size = Rotation(30, "day"), 0
    for length in sizes:
        line: Any = SimpleNamespace(
            record={"time": NOON}, encode=lambda length=length: b"x" * length
        )
        file: Any = SimpleNamespace(seek=lambda *_, size=size: size, fileno=lambda: 0)
        if rotation.is_due(line, file):
            assert size > 0
            size = 0
        size += length
