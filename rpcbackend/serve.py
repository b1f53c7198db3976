"""The process that Electron spawns: stdio claimed, one connection, signals, an exit code."""

import asyncio
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from rpcbackend.app import Application
from rpcbackend.config import Settings, default_data_dir
from rpcbackend.dispatch.server import OutOfStepError, Server
from rpcbackend.dispatch.tap import Tap
from rpcbackend.door import ExitRequestedError
from rpcbackend.exits import (
    EX_BUG,
    EX_CANTCREAT,
    EX_TIMED_OUT,
    EX_UNAVAILABLE,
    EX_UNREADABLE,
    EX_USAGE,
)
from rpcbackend.monitor import LogLevels
from rpcbackend.schema.base import WireModel
from rpcbackend.schema.schedules import ScheduleName
from rpcbackend.security.process import harden, make_files_private
from rpcbackend.store import DirectoryLock, StoreBusyError
from rpcbackend.surroundings import Surroundings
from rpcbackend.transport.lines import Line, Oversize
from rpcbackend.transport.stdio import StdioTransport, claim_stdio, close_leaked

GRACE_SECONDS = 3.0
"""Beyond the drain, a shutdown that hangs, on a dead disk say, is cut off."""

LAST_WRITE_SECONDS = 2.0
"""How long the last replies may wait for a peer that does not read."""

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
    from loguru import logger  # noqa: PLC0415 (stdout first)

    from rpcbackend.process_log import ProcessLog  # noqa: PLC0415 (stdout first)

    directory = settings.data_dir or default_data_dir()
    levels = LogLevels(settings.log.level)

    def run(log: ProcessLog) -> int:
        try:
            # What is done at the end comes after the wait for threads.
            with ExitStack() as at_end:
                return _run(_serve(wire, directory, settings, levels, at_end))
        except ExitRequestedError as end:
            log.say_why(str(end))
            return end.code
        except Exception as bug:  # noqa: BLE001 (the process ends here, with a code that says so)
            logger.opt(exception=bug).critical("the backend failed")
            return EX_BUG
        finally:
            log.end()

    try:
        with owned(directory):
            return run(ProcessLog(settings.log, directory, levels))
    except ExitRequestedError as end:
        # Whoever has the directory has the log file too.
        log = ProcessLog(settings.log, None, levels)
        log.say_why(str(end))
        log.end()
        return end.code


def _run(main: Coroutine[Any, Any, int]) -> int:
    if sys.platform == "win32":
        return asyncio.run(main)
    # Half the time of a wake-up from another thread (docs/adr/0011-uvloop.md).
    import uvloop  # noqa: PLC0415 (there is none for Windows)

    return uvloop.run(main)


@contextmanager
def owned(directory: Path) -> Iterator[None]:
    """Hold the data directory, or say why not with an exit code."""
    try:
        lock = DirectoryLock(directory)
    except StoreBusyError as busy:
        raise ExitRequestedError(EX_UNAVAILABLE, str(busy)) from None
    except OSError as error:
        raise ExitRequestedError(
            EX_CANTCREAT, f"{directory} cannot be used as data directory: {error.strerror}"
        ) from None
    try:
        yield
    finally:
        lock.release()


async def _serve(
    wire: tuple[int, int],
    directory: Path,
    settings: Settings,
    levels: LogLevels,
    at_end: ExitStack,
) -> int:
    from rpcbackend.observability.access_log import AccessLog  # noqa: PLC0415 (after stdout)
    from rpcbackend.observability.logs import correlate, report_bug, tell  # noqa: PLC0415 (as above)

    access_log = AccessLog(levels)
    surroundings = Surroundings(
        report_bug=report_bug,
        tell=tell,
        observers=(access_log.observe,),
        log_levels=levels,
        place=settings.database.place,
    )
    if settings.record.file is not None:
        surroundings.tap = at_end.enter_context(
            _recording(settings.record.file, settings, surroundings)
        )
    app = Application(
        directory,
        surroundings,
        drain_seconds=settings.drain_seconds,
        limits=settings.limits,
        schedules_after_seconds=settings.backups.delay_seconds,
        but=() if settings.has_own_backups else (ScheduleName.BACKUP,),
        disk=settings.disk,
        cache=settings.cache,
        outside=settings.outside,
        is_read_only=settings.read_only,
    )
    access_log.registry, access_log.fitted = app.dispatcher.registry, _fitted
    correlate(app.dispatcher.correlation_id)
    transport = StdioTransport(*wire, settings.limits)
    await app.boot()
    server = app.connect(transport)
    _end_on_signals(app)
    transport.start(lambda lines: _receive(server, app, lines), lambda: app.end(0), server.resume)
    server.notify("system.ready", app.ready().model_dump(mode="json"))
    _settle(app)
    async with AsyncExitStack() as beside:
        if settings.api.enabled:
            # On a thread: importing FastAPI takes half a second, and the desk is served meanwhile.
            life = await asyncio.get_running_loop().run_in_executor(None, import_module, MIRROR)
            mirrored = life.mirrored(app, settings, surroundings.clock)
            await beside.enter_async_context(mirrored)
        await app.begun_to_end()
        at_end.callback(_hard_stop(app, settings.drain_seconds + GRACE_SECONDS).cancel)
        await app.ended.wait()
        await app.close()
    try:
        async with asyncio.timeout(LAST_WRITE_SECONDS):
            await transport.close()
    except TimeoutError:
        return app.exit_code or EX_TIMED_OUT
    return app.exit_code


def _fitted(model: type[WireModel], params: Any, replace: Callable[[Any], Any]) -> Any:
    from rpcbackend.transcripts.fitting import FIELDS  # noqa: PLC0415 (few trace)

    return FIELDS.fitted_params(model, params, replace)


@contextmanager
def _recording(path: Path, settings: Settings, surroundings: Surroundings) -> Iterator[Tap]:
    from rpcbackend.transcripts.parts import check_place  # noqa: PLC0415 (few record)
    from rpcbackend.transcripts.recorder import Recorder  # noqa: PLC0415 (the same)
    from rpcbackend.transcripts.writing import Bounds  # noqa: PLC0415 (the same)

    if not path.parent.is_dir():
        raise ExitRequestedError(EX_CANTCREAT, f"there is no folder {path.parent} for a transcript")
    try:
        check_place(path)
    except OSError as error:
        raise ExitRequestedError(
            EX_CANTCREAT, f"no transcript can be written to {path}: {error.strerror}"
        ) from None
    given = settings.record
    bounds = Bounds(
        part_bytes=given.part_bytes, parts=given.parts, waiting_bytes=given.waiting_bytes
    )
    recorder = Recorder(path, surroundings.clock, bounds, surroundings.tell)
    try:
        yield recorder
    finally:
        recorder.close()


def _hard_stop(app: Application, seconds: float) -> threading.Timer:
    """End the process after a while, whatever still runs: the loop waits for threads to its end."""
    timer = threading.Timer(seconds, lambda: os._exit(app.exit_code or EX_TIMED_OUT))
    timer.daemon = True
    timer.start()
    return timer


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


def _end_on_signals(app: Application) -> None:
    for name in ("SIGTERM", "SIGINT"):
        if sys.platform == "win32":
            signal.signal(getattr(signal, name), lambda *_: _end_on_signal(app))
        else:
            asyncio.get_running_loop().add_signal_handler(
                getattr(signal, name), _end_on_signal, app
            )


def _end_on_signal(app: Application) -> None:
    if app.ended.is_set():
        # Whoever asks twice does not want to wait; what was acknowledged is on disk.
        os._exit(EX_TIMED_OUT)
    app.end(0)
