"""A log in files: a new one when the last is too large or too old, the old ones packed, then gone.

loguru does it, by a logger of our own that knows nothing of the program's: its lines come written.
"""

import copy
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

from loguru import logger

from rpcbackend.clock import SystemClock

if TYPE_CHECKING:
    # loguru names its types in its stubs alone.
    from loguru import Message

Interval = Literal["hour", "day", "week"]

_PERIODS = {"hour": "%Y-%m-%d %H", "day": "%Y-%m-%d", "week": "%G-%V"}
"""Two times on this machine's wall clock are in the same period when these texts are equal."""


class LogFile:
    """Writes lines to a file that never grows too large nor too old.

    To be made while nothing is added to loguru's own logger, which is copied.

    Args:
        path: The file that is written; those before it stand beside it, named after their time.
        max_bytes: How large a file may become.
        interval: A new one begins on this machine's wall clock, also if nobody ran then.
        keep_files: How many of the old ones are kept at most.
        keep_days: For how long at most.
        is_packed: Whether the old ones are compressed.
    """

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int,
        interval: Interval,
        keep_files: int,
        keep_days: int,
        is_packed: bool,
    ) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path
        self._keep_files, self._keep_seconds = keep_files, keep_days * 86_400
        self._logger = copy.deepcopy(logger)
        self._logger.add(
            path,
            rotation=Rotation(max_bytes, interval).is_due,
            retention=self._give_up,
            compression="gz" if is_packed else None,
            # What the disk refuses is told to whoever wrote.
            catch=False,
            encoding="utf-8",
            errors="backslashreplace",
            opener=_open_private,
        )

    def write(self, lines: str) -> None:
        """Write lines, each with its line end.

        Raises:
            OSError: They cannot be written.
        """
        self._logger.opt(raw=True).info(lines)

    def close(self) -> None:
        """Close the file."""
        self._logger.remove()

    def _give_up(self, paths: Sequence[str]) -> None:
        ages = sorted((-Path(path).stat().st_mtime, path) for path in paths)
        oldest = SystemClock().now_ms() / 1_000 - self._keep_seconds
        for number, (age, path) in enumerate(ages):
            is_old = number >= self._keep_files or -age < oldest
            if is_old and Path(path) != self._path:
                Path(path).unlink(missing_ok=True)


class Rotation:
    """Tells when a new file is due: bytes or time, whichever comes first.

    The time of a file that is there already is the last in which it was written.
    """

    def __init__(self, max_bytes: int, interval: Interval) -> None:
        self._max_bytes, self._period_form = max_bytes, _PERIODS[interval]
        self._period = ""

    def is_due(self, message: "Message", file: TextIO) -> bool:
        """Tell whether *message* belongs into a new file; asked before each line."""
        now = message.record["time"]
        size = file.seek(0, os.SEEK_END)
        before = self._period
        if not before and size:
            written_at = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, now.tzinfo)
            before = written_at.strftime(self._period_form)
        self._period = now.strftime(self._period_form)
        if not size:
            return False
        return before != self._period or size + len(message.encode()) > self._max_bytes


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
