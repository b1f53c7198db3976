"""Log lines on stderr, written so that an unread stderr never holds up the process (D10).

Nobody can forge one: a line that begins with a time is ours, and whatever came from elsewhere,
traces and stray prints included, stands escaped behind a bar.
"""

import os
import re
import sys
import threading
import traceback
from collections import deque
from typing import TYPE_CHECKING, Any

from loguru import logger

if TYPE_CHECKING:
    # loguru names its types in its stubs alone.
    from loguru import Message

MAX_WAITING_LINES = 2_000
"""Lines kept while nobody reads stderr; older ones go first."""

MAX_STRAY_CHARACTERS = 8_192
"""Of a stray line that does not end: then what there is goes out."""

BAR = "| "
"""Stands before every line that is no log line of ours."""

_UNSEEN = re.compile(
    # Control characters, and those that break or turn a line (Unicode 17, sections 2.7 and 23.2).
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)


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


class Strays:
    """Stands in for stdout and stderr: what is printed goes to the sink, escaped, line by line."""

    def __init__(self, sink: BoundedStderr) -> None:
        self._sink = sink
        self._rest = ""

    def write(self, text: str) -> int:
        """Take a piece of text; what has no line end yet waits for it."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._sink.write(_behind_bar(line))
        if len(self._rest) > MAX_STRAY_CHARACTERS:
            self.end()
        return len(text)

    def end(self) -> None:
        """Let go what still waits for its line end."""
        if self._rest:
            self._sink.write(_behind_bar(self._rest))
            self._rest = ""

    def flush(self) -> None:
        """Do nothing: lines go out as soon as they are read, and `print` must not wait for that."""


def log_to_stderr(level: str) -> BoundedStderr:
    """Send log lines of *level* and above to stderr, and nowhere else."""
    sink = BoundedStderr(sys.stderr.fileno())
    logger.remove()
    # No text from elsewhere ever is a format: lines are put together by `_lines` alone (D10).
    logger.add(lambda message: sink.write(_lines(message)), level=level, format=lambda _: "")
    return sink


def escaped(text: str) -> str:
    """Write what is unseen, or would end or turn the line, as Python writes it."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _lines(message: "Message") -> str:
    record = message.record
    time = f"{record['time']:YYYY-MM-DDTHH:mm:ss.SSSZ}"
    text = escaped(f"{record['message']} {record['extra']}")
    trace = ""
    if record["exception"] is not None:
        # Without the values of variables, which are the peer's.
        trace = "".join(
            _behind_bar(line)
            for part in traceback.format_exception(record["exception"].value)
            for line in part.rstrip("\n").split("\n")
        )
    return f"{time} {record['level'].name: <7} {text}\n{trace}"


def _behind_bar(line: str) -> str:
    return f"{BAR}{escaped(line)}\n"


def report_bug(bug: Exception, correlation_id: str) -> None:
    """Log an exception that no handler expected, under the id that the peer was given."""
    logger.bind(correlation_id=correlation_id).opt(exception=bug).error("unexpected error")


def tell(message: str, figures: dict[str, Any]) -> None:
    """Log what whoever reads the log should know."""
    logger.bind(**figures).warning(message)
