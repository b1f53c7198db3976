"""The files of a transcript, read up to where they end."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rpcbackend.transcripts.format import (
    Entry,
    Header,
    TranscriptError,
    read_entry,
    read_header,
)
from rpcbackend.transcripts.sealed import Seal, WrongTranscriptKeyError, salt_of

T = TypeVar("T")

ENTRIES_AT_ONCE, LINES_AT_ONCE = 100, 2_000
"""What takes two milliseconds or so; a line that is only passed takes little."""


@dataclass(slots=True)
class Transcript:
    """A transcript that is read, from its first file to its newest."""

    header: Header
    """Of its first file."""
    paths: Sequence[Path]
    """Its files, the first one first."""
    keys: Sequence[bytes]
    most: int | None = None
    """How many of its entries are read, the last ones; None: all."""
    is_torn: bool = False
    """Whether its end was cut off, as far as it was read."""
    skipped: int = 0
    """How many entries were left out, as far as it was read."""
    pause: Callable[[], object] = lambda: None
    """Is called again and again while it is read: a reader beside others lets them have a turn."""

    def entries(self) -> Iterator[Entry]:
        """Read the entries, in order; can be called again.

        Raises:
            TranscriptError: A line is not what was written.
        """
        if self.most is None:
            yield from self._in_turns(map(read_entry, self._lines()), ENTRIES_AT_ONCE)
            return
        last: deque[bytes] = deque(maxlen=self.most)
        damage = None
        count = 0
        try:
            lines = self._in_turns(self._lines(), LINES_AT_ONCE)
            for count, line in enumerate(lines, start=1):  # noqa: B007 (counts them)
                last.append(line)
        except TranscriptError as error:
            damage = error
        self.skipped = count - len(last)
        yield from self._in_turns(map(read_entry, last), ENTRIES_AT_ONCE)
        if damage is not None:
            raise damage

    def _in_turns(self, each: Iterable[T], at_once: int) -> Iterator[T]:
        for count, one in enumerate(each):
            if count % at_once == 0:
                self.pause()
            yield one

    def _lines(self) -> Iterator[bytes]:
        count: int | None = None
        for path in self.paths:
            lines = _lines_of(path, self.keys)
            before = read_header(next(lines)[0] or b"").before
            if None not in (count, before) and count != before:
                raise TranscriptError(f"entries are missing before {path.name}")
            count = before
            for line, is_torn in lines:
                self.is_torn = is_torn
                if is_torn and path != self.paths[-1]:
                    # It was ended before the next one was begun.
                    raise TranscriptError(f"{path.name} was cut")
                if line is not None:
                    count = None if count is None else count + 1
                    yield line


def open_transcript(path: Path, keys: Sequence[bytes] = (), *, is_whole: bool = True) -> Transcript:
    """Find the files of a transcript and read its header.

    Args:
        path: Its newest file, or an older one to leave out what came after.
        keys: Of the store, should it be sealed: one after the other is tried.
        is_whole: Whether its first file must be there, as a replay wants it.

    Raises:
        TranscriptError: It is none, or an older part of it is missing.
        WrongTranscriptKeyError: It is sealed, and no key opens it.
        OSError: It cannot be read.
    """
    header = _header_of(path, keys)
    found, paths = header, [path]
    while found.part > 1:
        before = _before(paths[0])
        if not before.exists():
            if not is_whole:
                break
            raise TranscriptError(f"part {found.part - 1} of the transcript is missing")
        older = _header_of(before, keys)
        if (older.seed, older.part) != (header.seed, found.part - 1):
            raise TranscriptError(f"{before.name} is not part {found.part - 1} of the transcript")
        found = older
        paths.insert(0, before)
    return Transcript(found, paths, keys)


def read_first_lines(path: Path, keys: Sequence[bytes]) -> tuple[bool, Header | None]:
    """Tell whether one file is sealed, and read its header if a key opens it.

    Raises:
        TranscriptError: It is no transcript, or damaged.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        is_sealed = salt_of(file.readline()) is not None
    try:
        return is_sealed, _header_of(path, keys)
    except WrongTranscriptKeyError:
        return is_sealed, None


def _before(path: Path) -> Path:
    stem, _, number = path.name.rpartition(".")
    if stem and number.isdigit():
        return path.with_name(f"{stem}.{int(number) + 1}")
    return path.with_name(f"{path.name}.1")


def _header_of(path: Path, keys: Sequence[bytes]) -> Header:
    line, _ = next(_lines_of(path, keys), (None, True))
    return read_header(line or b"")


def _lines_of(path: Path, keys: Sequence[bytes]) -> Iterator[tuple[bytes | None, bool]]:
    """Read whole lines, the header first; each with whether the file is cut off behind it.

    A file that ends in the middle of a line was written by a process that died: that line alone is
    lost. Last comes None for a file that is not ended as it should be.
    """
    with path.open("rb") as file:
        first = file.readline()
        salt = salt_of(first)
        if salt is None:
            yield first, False
            for line in file:
                is_whole = line.endswith(b"\n")
                yield (line, False) if is_whole else (None, True)
            return
        is_ended = False
        for chunk, is_last in _chunks(file, keys, salt):
            is_ended = is_last
            yield from ((line, False) for line in chunk.splitlines(keepends=True))
        yield None, not is_ended


def _chunks(
    file: Iterator[bytes], keys: Sequence[bytes], salt: bytes
) -> Iterator[tuple[bytes, bool]]:
    seal, is_ended = None, False
    for line in file:
        if not line.endswith(b"\n"):
            return
        if is_ended:
            raise TranscriptError("something was added to the transcript")
        if seal is None:
            seal, chunk, is_ended = _first_chunk(line, keys, salt)
        else:
            chunk, is_ended = seal.open(line)
        yield chunk, is_ended


def _first_chunk(line: bytes, keys: Sequence[bytes], salt: bytes) -> tuple[Seal, bytes, bool]:
    for key in keys:
        seal = Seal(key, salt)
        try:
            return seal, *seal.open(line)
        except WrongTranscriptKeyError:
            continue
    raise WrongTranscriptKeyError("the transcript is sealed; give the key of its store")
