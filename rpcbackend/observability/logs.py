"""Log lines on stderr, written so that an unread stderr never holds up the process (D10)."""

import os
import sys
import threading
from collections import deque

from loguru import logger

MAX_WAITING_LINES = 2_000
"""Lines kept while nobody reads stderr; older ones go first."""

FORMAT = "{time:YYYY-MM-DDTHH:mm:ss.SSSZ} {level: <7} {message} {extra}"


class BoundedStderr:
    """A sink that drops the oldest lines instead of waiting for a reader."""

    def __init__(self, fd: int = 2) -> None:
        self._fd = fd
        self._lines: deque[str] = deque(maxlen=MAX_WAITING_LINES)
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._is_flushed = threading.Event()
        self._is_flushed.set()
        self._dropped = 0
        threading.Thread(target=self._run, name="stderr", daemon=True).start()

    def write(self, line: str) -> None:
        """Queue one line."""
        with self._lock:
            if len(self._lines) == MAX_WAITING_LINES:
                self._dropped += 1
            self._is_flushed.clear()
            self._lines.append(line)
        self._wake.set()

    def flush(self) -> None:
        """Do nothing: lines go out as soon as they are read, and `print` must not wait for that."""

    def drain(self, seconds: float = 0.5) -> None:
        """Wait a little for what is queued to be read; whoever does not read cannot stop us."""
        self._is_flushed.wait(seconds)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._lines:
                line = self._lines.popleft()
                if self._dropped:
                    line = f"({self._dropped} lines dropped: nobody read stderr)\n{line}"
                    self._dropped = 0
                try:
                    os.write(self._fd, line.encode("utf-8", "backslashreplace"))
                except OSError:
                    # stderr is closed: there is nowhere left to say so.
                    return
            with self._lock:
                if not self._lines:
                    self._is_flushed.set()


def log_to_stderr(level: str) -> BoundedStderr:
    """Send log lines of *level* and above to stderr, and nowhere else."""
    sink = BoundedStderr(sys.stderr.fileno())
    logger.remove()
    # Values of variables and user text never reach a format string or a traceback (D10).
    logger.add(sink.write, level=level, format=FORMAT, diagnose=False, backtrace=False)
    return sink


def report_bug(bug: Exception, correlation_id: str) -> None:
    """Log an exception that no handler expected, under the id that the peer was given."""
    logger.bind(correlation_id=correlation_id).opt(exception=bug).error("unexpected error")
