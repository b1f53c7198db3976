"""The files of a transcript: written piece by piece, rotated, and read up to where they end."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rpcbackend.transcripts.format import (
    Entry,
    Header,
    TranscriptError,
    read_entry,
    read_header,
)
from rpcbackend.transcripts.sealed import (
    Seal,
    WrongTranscriptKeyError,
    new_salt,
    opening_line,
    salt_of,
)


class TranscriptFile:
    """The newest file of a transcript; older ones are `FILE.1`, `FILE.2` and so on.

    Args:
        path: Of the newest one. What stands there is moved out of the way first.
        header: Of the transcript.
        key: The store's, or None for a plain one.
        part_bytes: A file that is longer is followed by another.
        parts: How many files are kept, this one included.
    """

    def __init__(
        self, path: Path, header: Header, key: bytes | None, *, part_bytes: int, parts: int
    ) -> None:
        self._path, self._header, self._key = path, header, key
        self._part_bytes, self._parts = part_bytes, parts
        self._open_part()

    def write(self, lines: bytes) -> None:
        """Append whole lines, so that no crash of this process loses them.

        Raises:
            OSError: The disk is full or failed.
        """
        self._append(lines, is_last=False)
        if self._size > self._part_bytes:
            self.go_on(self._key)

    def go_on(self, key: bytes | None) -> None:
        """End this file and begin another, under that key."""
        self.close()
        self._key, self._header = key, replace(self._header, part=self._header.part + 1)
        self._open_part()

    def close(self) -> None:
        """Say that nothing was cut off, and close."""
        if self._seal is not None:
            self._append(b"", is_last=True)
        os.fsync(self._fd)
        os.close(self._fd)

    def _open_part(self) -> None:
        _rotate(self._path, self._parts)
        # Windows alone would write line ends of its own.
        how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._fd = os.open(self._path, how, 0o600)
        self._size, self._seal = 0, None
        if self._key is not None:
            salt = new_salt()
            self._put(opening_line(salt))
            self._seal = Seal(self._key, salt)
        self._append(self._header.to_line(), is_last=False)

    def _append(self, lines: bytes, *, is_last: bool) -> None:
        self._put(lines if self._seal is None else self._seal.seal(lines, is_last=is_last))

    def _put(self, text: bytes) -> None:
        self._size += len(text)
        view = memoryview(text)
        while view:
            view = view[os.write(self._fd, view) :]


def _rotate(path: Path, parts: int) -> None:
    def older(number: int) -> Path:
        return path.with_name(f"{path.name}.{number}") if number else path

    number = 0
    while older(number).exists():
        number += 1
    for each in reversed(range(number)):
        if each + 1 >= parts:
            older(each).unlink()
        else:
            older(each).replace(older(each + 1))


@dataclass(slots=True)
class Transcript:
    """A transcript that is read, from its first file to its newest."""

    header: Header
    """Of its first file."""
    paths: Sequence[Path]
    """Its files, the first one first."""
    keys: Sequence[bytes]
    is_torn: bool = False
    """Whether its end was cut off, as far as it was read."""

    def entries(self) -> Iterator[Entry]:
        """Read every entry, in order; can be called again.

        Raises:
            TranscriptError: A line is not what was written.
        """
        for path in self.paths:
            lines = _lines_of(path, self.keys)
            next(lines)
            for line, is_torn in lines:
                self.is_torn = is_torn
                if line is not None:
                    yield read_entry(line)


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
