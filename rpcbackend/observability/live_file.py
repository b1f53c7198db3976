"""The figures in a file of the data directory, as long as `rpcbackend top` looks at it.

Whoever wants to look touches another file beside it; see docs/adr/0029-figures.md.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from rpcbackend.clock import Clock

REQUEST_NAME: Final = "top.request"
FIGURES_NAME: Final = "top.json"

WANTED_SECONDS: Final = 10
"""For how long a touch holds."""

PAUSE_SECONDS: Final = 1.0


class LiveFile:
    """Writes the figures while somebody looks.

    Args:
        directory: The data directory; None has no files.
        figures: Returns what is written.
        clock: Tells how old a touch is.
    """

    def __init__(
        self, directory: Path | None, figures: Callable[[], Awaitable[bytes]], clock: Clock
    ) -> None:
        self._directory, self._figures, self._clock = directory, figures, clock
        self._task: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()

    def beat(self) -> None:
        """Begin if somebody wants to look; to be called every few seconds."""
        if (self._task is None or self._task.done()) and self._is_wanted():
            self._task = asyncio.get_running_loop().create_task(self._show())

    async def close(self) -> None:
        """Write no more, once what is being written is."""
        self._ended.set()
        await self.settle()

    async def settle(self) -> None:
        """Wait until nobody looks any more."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _show(self) -> None:
        assert self._directory is not None  # noqa: S101 (wanted there)
        path = self._directory / FIGURES_NAME
        try:
            while not self._ended.is_set() and self._is_wanted():
                # On a full disk, or where the reader has it open on Windows: the next may go well.
                with suppress(OSError):
                    await asyncio.to_thread(_replace, path, await self._figures())
                with suppress(TimeoutError):
                    async with asyncio.timeout(PAUSE_SECONDS):
                        await self._ended.wait()
        finally:
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _is_wanted(self) -> bool:
        if self._directory is None:
            return False
        try:
            touched_at = (self._directory / REQUEST_NAME).stat().st_mtime
        except OSError:
            return False
        return abs(self._clock.now_ms() / 1_000 - touched_at) <= WANTED_SECONDS


def _replace(path: Path, content: bytes) -> None:
    new = path.with_name(path.name + ".new")
    flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(new, flags, 0o600), "wb") as file:
        file.write(content)
    new.replace(path)
