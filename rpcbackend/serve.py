"""The process that Electron spawns: stdio claimed, one connection, signals, an exit code."""

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import AsyncExitStack, ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

from rpcbackend.app import Application
from rpcbackend.config import Settings
from rpcbackend.dispatch.server import OutOfStepError, Server
from rpcbackend.exits import (
    EX_TIMED_OUT,
    EX_UNREADABLE,
    EX_USAGE,
)
from rpcbackend.monitor import LogLevels
from rpcbackend.process_life import (
    build_application,
    end_on_signals,
    run_process,
    run_to_end,
)
from rpcbackend.security.process import harden, make_files_private
from rpcbackend.transport.lines import Line, Oversize
from rpcbackend.transport.stdio import StdioTransport, claim_stdio, close_leaked

LAST_WRITE_SECONDS = 2.0
"""How long the last replies wait for a peer that reads nothing; one that reads gets all of them."""

MIRROR = "rpcbackend.mirror.life"
"""Loaded only where a mirror is wanted."""


def serve(settings: Settings) -> int:
    """Speak the protocol on stdin and stdout until it ends, and return the exit code."""
    close_leaked()
    try:
        wire = claim_stdio()
    except OSError as error:
        print(f"rpcbackend: stdin and stdout must be open: {error.strerror}", file=sys.stderr)  # noqa: T201 (for the person who started it)
        return EX_USAGE
    make_files_private()

    def main(directory: Path, levels: LogLevels, at_end: ExitStack) -> Coroutine[Any, Any, int]:
        return _serve(wire, directory, settings, levels, at_end)

    return run_process(settings, main)


async def _serve(
    wire: tuple[int, int],
    directory: Path,
    settings: Settings,
    levels: LogLevels,
    at_end: ExitStack,
) -> int:
    app, surroundings = build_application(settings, directory, levels, at_end)
    transport = StdioTransport(*wire, settings.limits)
    await app.boot()
    server = app.connect(transport)
    end_on_signals(app)
    transport.start(lambda lines: _receive(server, app, lines), lambda: app.end(0), server.resume)
    server.notify("system.ready", app.ready().model_dump(mode="json"))
    _settle(app)
    async with AsyncExitStack() as beside:
        if settings.api.enabled:
            # On a thread: importing FastAPI takes half a second, and the desk is served meanwhile.
            life = await asyncio.get_running_loop().run_in_executor(None, import_module, MIRROR)
            mirrored = life.mirrored(app, settings, surroundings.clock)
            await beside.enter_async_context(mirrored)
        await run_to_end(app, settings.drain_seconds, at_end)
    is_read = await read_to_the_end(transport.close, lambda: transport.written_bytes)
    return app.exit_code if is_read else app.exit_code or EX_TIMED_OUT


async def read_to_the_end(
    close: Callable[[], Awaitable[None]], written_bytes: Callable[[], int]
) -> bool:
    """Close while the peer reads what it was answered, and tell whether it has read all of it."""
    while True:
        before = written_bytes()
        try:
            async with asyncio.timeout(LAST_WRITE_SECONDS):
                await close()
        except TimeoutError:
            if written_bytes() == before:
                return False
        else:
            return True


def _receive(server: Server, app: Application, lines: Iterable[Line]) -> None:
    # Before the first key arrives, and yet after `ready` whenever there is time.
    harden()
    try:
        for line in lines:
            server.receive(None if isinstance(line, Oversize) else line)
    except OutOfStepError:
        app.end(EX_UNREADABLE)


def _settle(app: Application) -> None:
    """Do what a fast start left undone."""
    loop = asyncio.get_running_loop()
    # Behind the write of `ready`, which the loop has yet to do.
    loop.call_soon(harden)
    # On a thread: importing the planner takes 48 ms, and plain requests do without it.
    loop.run_in_executor(None, app.dispatcher.warm)
    # What start-up made lives as long as the process: the collector need not look at it again.
    gc.freeze()
    gc.enable()
