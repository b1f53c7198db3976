"""Where log lines go, by a thread of their own: an unread stderr or a slow disk holds up nobody."""

import os
import threading
from collections import deque
from collections.abc import Callable

from rpcbackend.observability.forms import TEXT, Form

MAX_WAITING_LINES = 2_000
"""Lines kept while they are not taken; older ones go first."""

MAX_STRAY_CHARACTERS = 8_192
"""Of a stray line that does not end: then what there is goes out."""

WriteOut = Callable[[str], None]
"""Writes lines where they belong, and may take its time."""


def to_fd(fd: int) -> WriteOut:
    """Write lines to a file descriptor."""
    return lambda lines: _write(fd, lines)


def _write(fd: int, lines: str) -> None:
    os.write(fd, lines.encode("utf-8", "backslashreplace"))


def to_first_that_can(first: WriteOut, then: WriteOut) -> WriteOut:
    """Write lines by the *first*, and by the other what that cannot write, on a full disk say."""

    def write(lines: str) -> None:
        try:
            first(lines)
        except Exception:  # noqa: BLE001 (whatever it is, the line is not lost)
            then(lines)

    return write


class BoundedSink:
    """A sink that drops the oldest lines instead of waiting for whoever takes them.

    Args:
        write_out: Called on the sink's thread.
        form: Tells of what was dropped.
    """

    def __init__(self, write_out: WriteOut, form: Form = TEXT) -> None:
        self._write_out, self._form = write_out, form
        self._lines: deque[str] = deque(maxlen=MAX_WAITING_LINES)
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._is_flushed = threading.Event()
        self._is_flushed.set()
        self._dropped = 0
        threading.Thread(target=self._run, name="log", daemon=True).start()

    def write(self, line: str) -> None:
        """Queue one line."""
        with self._lock:
            if len(self._lines) == MAX_WAITING_LINES:
                self._dropped += 1
            self._is_flushed.clear()
            self._lines.append(line)
        self._wake.set()

    def drain(self, seconds: float = 0.5) -> None:
        """Wait a little for what is queued to be taken; whoever does not cannot stop us."""
        self._is_flushed.wait(seconds)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._lines:
                self._write_next()
            with self._lock:
                if not self._lines:
                    self._is_flushed.set()

    def _write_next(self) -> None:
        line = self._lines.popleft()
        with self._lock:
            dropped, self._dropped = self._dropped, 0
        if dropped:
            line = self._form.of_loss(dropped) + line
        try:
            self._write_out(line)
        except Exception:  # noqa: BLE001 (there is nowhere left to say so, but the next may go well)
            with self._lock:
                self._dropped += dropped + 1


class Strays:
    """Stands in for stdout and stderr: what is printed goes to the sink, escaped, line by line."""

    def __init__(self, sink: BoundedSink, form: Form = TEXT) -> None:
        self._sink, self._form = sink, form
        self._rest = ""

    def write(self, text: str) -> int:
        """Take a piece of text; what has no line end yet waits for it."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._sink.write(self._form.of_stray(line))
        if len(self._rest) > MAX_STRAY_CHARACTERS:
            self.end()
        return len(text)

    def end(self) -> None:
        """Let go what still waits for its line end."""
        if self._rest:
            self._sink.write(self._form.of_stray(self._rest))
            self._rest = ""

    def flush(self) -> None:
        """Do nothing: lines go out as soon as they are read, and `print` must not wait for that."""
