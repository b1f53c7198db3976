"""The files of a transcript, written piece by piece: the newest one, and older ones beside it."""

import errno
import os
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from rpcbackend.transcripts.format import Header, is_first_line
from rpcbackend.transcripts.sealed import Seal, new_salt, opening_line

FIRST_LINE_BYTES = 4_096
"""That of a transcript is shorter."""


class TranscriptFile:
    """The newest file of a transcript; older ones are `FILE.1`, `FILE.2` and so on.

    A disk that refuses loses nothing of what was given: it is written when `flush` is called again.

    Args:
        path: Of the newest one. A transcript that stands there is moved out of the way first.
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
        self._chunks: deque[bytes] = deque()
        self._line = b""
        self._fd: int | None = None
        self._seal: Seal | None = None
        self._size, self._is_dirty, self._goes_on = 0, False, False

    def write(self, lines: bytes) -> None:
        """Append whole lines, so that no crash of this process loses them.

        Raises:
            OSError: The disk is full or failed; `flush` writes them later.
        """
        self._chunks.append(lines)
        self.flush()

    def go_on(self, key: bytes | None) -> None:
        """End this file and begin another, under that key.

        Raises:
            OSError: The disk is full or failed; `flush` does it later.
        """
        self._key, self._goes_on = key, True
        self.flush()

    def flush(self) -> None:
        """Write what was given and is not written yet.

        Raises:
            OSError: The disk is full or failed, or another file stands in the way.
        """
        if self._goes_on or self._fd is None:
            self._begin()
        while self._chunks:
            self._append(self._chunks[0], is_last=False)
            before = (self._header.before or 0) + self._chunks.popleft().count(b"\n")
            self._header = replace(self._header, before=before)
        if self._size > self._part_bytes:
            self._goes_on = True
            self._begin()

    def close(self) -> None:
        """Write what is left, say that nothing was cut off, and close.

        Raises:
            OSError: The disk is full or failed.
        """
        try:
            self.flush()
            self._end()
        finally:
            self._let_go()

    def _begin(self) -> None:
        if self._fd is not None:
            self._end()
            self._header = replace(self._header, part=self._header.part + 1)
        self._open_part()
        self._goes_on = False

    def _end(self) -> None:
        assert self._fd is not None  # noqa: S101 (whoever calls has opened it)
        if self._seal is not None:
            self._append(b"", is_last=True)
            self._seal = None
        os.fsync(self._fd)
        self._let_go()

    def _open_part(self) -> None:
        rotate(self._path, self._parts)
        # Windows alone would write line ends of its own.
        how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._fd = os.open(self._path, how, 0o600)
        self._size, self._is_dirty, self._seal = 0, False, None
        try:
            if self._key is not None:
                salt = new_salt()
                self._put(opening_line(salt))
                self._seal = Seal(self._key, salt)
            self._append(self._header.to_line(), is_last=False)
        except OSError:
            self._line = b""
            self._let_go()
            with suppress(OSError):
                self._path.unlink()
            raise

    def _let_go(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _append(self, lines: bytes, *, is_last: bool) -> None:
        # A nonce is good for one chunk: what was sealed and not written is written as it is.
        self._line = self._line or (
            lines if self._seal is None else self._seal.seal(lines, is_last=is_last)
        )
        self._put(self._line)
        self._line = b""

    def _put(self, text: bytes) -> None:
        assert self._fd is not None  # noqa: S101 (whoever calls has opened it)
        if self._is_dirty:
            os.ftruncate(self._fd, self._size)
        self._is_dirty = True
        view = memoryview(text)
        while view:
            view = view[os.write(self._fd, view) :]
        self._size, self._is_dirty = self._size + len(text), False


def rotate(path: Path, parts: int) -> None:
    """Move each file of transcripts one further, and remove those that are too many.

    Raises:
        FileExistsError: One of them is no transcript; then all stay where they are.
        OSError: The disk failed.
    """
    found = list(parts_of(path))
    check_place(path)
    for number, each in reversed(list(enumerate(found))):
        if number + 1 >= parts:
            each.unlink()
        else:
            each.replace(_older(path, number + 1))


def check_place(path: Path) -> None:
    """See whether a transcript can stand there without a loss.

    Raises:
        FileExistsError: What would be moved out of the way is none.
        OSError: It cannot be read.
    """
    for each in parts_of(path):
        with each.open("rb") as file:
            first = file.readline(FIRST_LINE_BYTES)
        # Of one that died at once there is nothing to lose.
        if first and not is_first_line(first):
            raise FileExistsError(errno.EEXIST, f"{each.name} is there and no transcript")


def parts_of(path: Path) -> Iterator[Path]:
    """Return the files that there are at a place, the newest first."""
    number = 0
    while _older(path, number).exists():
        yield _older(path, number)
        number += 1


def _older(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}") if number else path
