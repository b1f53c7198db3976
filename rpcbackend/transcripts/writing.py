"""From the lines of the wire to the files of a transcript: the recorder's thread."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rpcbackend.methods import build_registry
from rpcbackend.transcripts.format import PROCESS, Entry, Header, gap, scheduled, step
from rpcbackend.transcripts.parts import TranscriptFile
from rpcbackend.transcripts.placeholders import Placeholders
from rpcbackend.transcripts.redaction import Redaction

CHUNK_BYTES = 64 * 1024
"""What is sealed and written at once, at most: a crash may cost the last one."""
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much a recording may take."""

    part_bytes: int = 32 * MIB
    parts: int = 8
    waiting_bytes: int = 64 * MIB
    """Of lines that are not written yet, in memory."""


class Line(NamedTuple):
    """A line of the wire, as it was handed over."""

    t: float
    direction: str
    connection_id: str
    line: bytes | None
    latest: float | None = None
    """When it would have come if the clock had never been put back; None: it was not."""


@dataclass(slots=True)
class Gap:
    """Lines that were dropped, one after the other."""

    t: float
    count: int = 0


Taken = Line | Gap | bytes | None
"""What is handed over: a line, that some are missing, or under which key it goes on."""

Patience = Callable[[OSError], bool]
"""Waits after an error of the disk, and tells whether to try again."""


class Writing:
    """Writes one transcript.

    Args:
        path: Of its newest file.
        header: Of the transcript.
        bounds: How much it may take.
        patience: Whether to try again what the disk refused.
    """

    def __init__(
        self,
        path: Path,
        header: Header,
        bounds: Bounds,
        patience: Patience = lambda error: False,  # noqa: ARG005
    ) -> None:
        self._patience = patience
        self._path, self._header, self._bounds = path, header, bounds
        self._file: TranscriptFile | None = None
        self._key: bytes | None = None
        self._placeholders = Placeholders()
        self._redaction = Redaction(build_registry(), self._placeholders)
        self._lines: list[bytes] = []
        self._size = 0
        self.unwritten = 0
        """Messages that were taken and are not on the disk."""
        self._early: list[Line | Gap] = []

    def run(self, take: Callable[[Callable[[Taken], None]], bool]) -> None:
        """Write what *take* hands over, until it says that nothing more comes.

        Raises:
            OSError: The disk is full or failed.
        """
        try:
            while take(self._write):
                self._flush()
            self._flush()
        finally:
            if self._file is not None:
                self._file.close()

    def _write(self, taken: Taken) -> None:
        if taken is None or isinstance(taken, bytes):
            self._use(taken)
            return
        self.unwritten += taken.count if isinstance(taken, Gap) else 1
        if self._file is None:
            self._early.append(taken)
        else:
            self._add(taken)

    def _add(self, taken: Line | Gap) -> None:
        line = self._entry(taken).to_line()
        self._lines.append(line)
        self._size += len(line)
        if self._size > CHUNK_BYTES:
            self._flush()

    def _use(self, key: bytes | None) -> None:
        if self._file is None:
            self._key = key
            self._file = TranscriptFile(
                self._path,
                self._header,
                key,
                part_bytes=self._bounds.part_bytes,
                parts=self._bounds.parts,
            )
            self._do(self._file.flush)
            for line in self._early:
                self._add(line)
            self._early.clear()
        elif key != self._key:
            self._flush()
            self._key = key
            self._do(partial(self._file.go_on, key))

    def _flush(self) -> None:
        if self._lines and self._file is not None:
            lines = b"".join(self._lines)
            self._lines.clear()
            self._size = 0
            self._do(partial(self._file.write, lines))
            self.unwritten = 0

    def _do(self, step: Callable[[], None]) -> None:
        """Do it, and what of it the disk refused again and again."""
        assert self._file is not None  # noqa: S101 (it is written)
        while True:
            try:
                return step()
            except OSError as error:
                if not self._patience(error):
                    raise
            step = self._file.flush

    def _entry(self, taken: Line | Gap) -> Entry:
        if isinstance(taken, Gap):
            self._redaction.forget()
            return gap(round(taken.t, 3), taken.count)
        return self._message(taken)._replace(latest=taken.latest)

    def _message(self, taken: Line) -> Entry:
        t = round(taken.t, 3)
        if taken.direction in ("step", "stepped"):
            params = self._redaction.step(taken.line or b"")
            return step(t, params, self._placeholders.take_news())
        if taken.connection_id == PROCESS:
            return scheduled(t, (taken.line or b"").decode())
        if taken.direction == "in":
            msg = self._redaction.came(taken.connection_id, taken.line)
            return Entry(t, "in", taken.connection_id, msg, self._placeholders.take_news())
        msg = self._redaction.went(taken.connection_id, taken.line or b"")
        is_event = isinstance(msg, dict) and "method" in msg
        return Entry(
            t,
            "event" if is_event else "out",
            taken.connection_id,
            msg,
            self._placeholders.take_news(),
        )
