"""The files of the transcript that a process writes, as its owner may look at them."""

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from rpcbackend.dispatch.registry import Registry
from rpcbackend.errors import NotFoundError
from rpcbackend.schema.transcripts import TranscriptEntry
from rpcbackend.transcripts.files import Transcript, read_first_lines
from rpcbackend.transcripts.format import TranscriptError
from rpcbackend.transcripts.page import Named, make_page
from rpcbackend.transcripts.parts import parts_of

# A file may have any name, so it is not said again.
_NONE = "There is no transcript of this name."
_NO_HEADER = "The transcript begins with no header: it was begun just now, or is damaged."
_OTHER_KEY = "The transcript cannot be opened: it is sealed under another key."

MOST = 20_000
"""Messages on a page: more of them would keep the interpreter busy for seconds, while others wait.

What is looked at is what happened last; `rpcbackend inspect` shows all.
"""


PAUSE_SECONDS = 0.0005
"""A thread that computes gives the interpreter away every 5 ms, and a call wants it several times:
one that waits between some entries and the next holds up others by a millisecond."""


class Shelf:
    """Lists the files and makes their pages, on a thread.

    Args:
        path: Of the newest one.
        registry: Knows queries from commands.
        keys: Returns those that the store had since the process began.
    """

    def __init__(
        self, path: Path, registry: Callable[[], Registry], keys: Callable[[], Sequence[bytes]]
    ) -> None:
        self._path, self._registry, self._keys = path, registry, keys
        # Each takes the memory of a whole file.
        self._turn = asyncio.Lock()

    async def look(self) -> list[TranscriptEntry]:
        """Return the files, the newest first."""
        return await asyncio.to_thread(lambda: list(self._entries()))

    async def page(self, name: str) -> str:
        """Return the page of one file.

        Raises:
            NotFoundError: There is none of that name that can be opened here.
        """
        async with self._turn:
            return await asyncio.to_thread(self._make_without_collecting, name)

    def _entries(self) -> Iterator[TranscriptEntry]:
        for path in parts_of(self._path):
            # One that was moved on or removed meanwhile is seen next time.
            with suppress(OSError):
                yield self._entry(path)

    def _entry(self, path: Path) -> TranscriptEntry:
        header, is_sealed = None, False
        with suppress(TranscriptError):
            is_sealed, header = read_first_lines(path, self._keys())
        return TranscriptEntry(
            name=path.name,
            bytes=path.stat().st_size,
            is_sealed=is_sealed,
            started_at=header and datetime.fromtimestamp(header.started_ms / 1_000, UTC),
            version=header and header.version,
            part=header and header.part,
        )

    def _make_without_collecting(self, name: str) -> str:
        # So many objects at once make Python look through all there are: 50 ms in which nobody else
        # has a turn, for nothing. What this makes is let go of when it is done.
        gc.disable()
        try:
            return self._make(name)
        finally:
            gc.enable()

    def _make(self, name: str) -> str:
        path = next((path for path in parts_of(self._path) if path.name == name), None)
        if path is None:
            raise NotFoundError(_NONE)
        try:
            _, header = read_first_lines(path, self._keys())
        except OSError:
            raise NotFoundError(_NONE) from None
        except TranscriptError:
            raise NotFoundError(_NO_HEADER) from None
        if header is None:
            raise NotFoundError(_OTHER_KEY)
        # Nobody ever sets it: what is wanted is the wait.
        rest = threading.Event()
        transcript = Transcript(
            header, [path], self._keys(), most=MOST, pause=lambda: rest.wait(PAUSE_SECONDS)
        )
        try:
            return make_page(Named(name, transcript, is_piece=True), None, self._registry()).html
        except OSError:
            raise NotFoundError(_NONE) from None
