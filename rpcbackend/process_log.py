"""The log of a served process, as its settings want it, and what others print into it."""

import sys
from pathlib import Path
from typing import TextIO, cast

from loguru import logger

from rpcbackend.config import LogSettings
from rpcbackend.monitor import LogLevels
from rpcbackend.observability.forms import JSON, TEXT
from rpcbackend.observability.log_file import LogFile
from rpcbackend.observability.logs import start_log
from rpcbackend.observability.sinks import (
    BoundedSink,
    Strays,
    WriteOut,
    to_fd,
    to_first_that_can,
)


class ProcessLog:
    """Takes over loguru, the standard library's logging, and whatever is printed.

    What cannot be written to the file goes to stderr; that it is so is logged.

    Args:
        settings: What is logged, how, and where to.
        directory: The data directory: by default the file is there. None is somebody else's, and
            has all on stderr.
        levels: From which level on.
    """

    def __init__(self, settings: LogSettings, directory: Path | None, levels: LogLevels) -> None:
        self._form = JSON if settings.format == "json" else TEXT
        self._to_stderr = write_out = to_fd(sys.stderr.fileno())
        self._is_in_file = False
        # As it comes, loguru writes to stderr by itself.
        logger.remove()
        failure = None
        if settings.destination == "file" and directory is not None:
            try:
                write_out = _to_file(settings, directory, self._to_stderr)
                self._is_in_file = True
            except OSError as error:
                failure = error
        self._sink = BoundedSink(write_out, self._form)
        start_log(self._sink, self._form, levels)
        # A stray print must not wait for a reader of stderr either.
        self._strays = Strays(self._sink, self._form)
        sys.stdout = sys.stderr = cast("TextIO", self._strays)
        if failure is not None:
            logger.bind(reason=failure.strerror).error("the log cannot be written to its file")

    def say_why(self, reason: str) -> None:
        """Say why the process ends: also on stderr, where whoever started it looks."""
        line = self._form.of_end(reason)
        self._sink.write(line)
        if self._is_in_file:
            self._to_stderr(line)

    def end(self) -> None:
        """Let out what is there, for a moment."""
        self._strays.end()
        self._sink.drain()


def _to_file(settings: LogSettings, directory: Path, otherwise: WriteOut) -> WriteOut:
    file = LogFile(
        settings.file or directory / "logs" / "rpcbackend.log",
        max_bytes=settings.max_bytes,
        interval=settings.interval,
        keep_files=settings.keep_files,
        keep_days=settings.keep_days,
        is_packed=settings.compress,
    )
    return to_first_that_can(file.write, otherwise)
