"""A process around an application: its directory, its log, its signals, and an end that comes."""

import asyncio
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TextIO

from rpcbackend.app import Application
from rpcbackend.config import Settings, default_data_dir
from rpcbackend.door import ExitRequestedError, read_key
from rpcbackend.exits import EX_BUG, EX_CANTCREAT, EX_TIMED_OUT, EX_UNAVAILABLE
from rpcbackend.monitor import LogLevels
from rpcbackend.outbound import real_channels
from rpcbackend.schema.base import WireModel
from rpcbackend.schema.lifecycle import KEY_PATTERN
from rpcbackend.schema.schedules import ScheduleName
from rpcbackend.store import DirectoryLock, StoreBusyError
from rpcbackend.surroundings import Surroundings

GRACE_SECONDS = 3.0
"""Beyond the drain, a shutdown that hangs, on a dead disk say, is cut off."""

Main = Callable[[Path, LogLevels, ExitStack], Coroutine[Any, Any, int]]
"""What a process does in its loop: given its directory, its log levels, and what ends with it."""


def run_process(settings: Settings, main: Main) -> int:
    """Own the data directory, keep the log, run *main* to its end, and return the exit code."""
    from loguru import logger  # noqa: PLC0415 (stdout first)

    from rpcbackend.process_log import ProcessLog  # noqa: PLC0415 (stdout first)

    directory = settings.data_dir or default_data_dir()
    levels = LogLevels(settings.log.level)

    def run(log: ProcessLog) -> int:
        try:
            # What is done at the end comes after the wait for threads.
            with ExitStack() as at_end:
                return _run(main(directory, levels, at_end))
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


def read_key_line(stream: TextIO) -> bytes | None:
    """Read a key from a line in base64url; None if that is no key."""
    line = stream.readline().strip()
    return read_key(line) if re.fullmatch(KEY_PATTERN, line) else None


def build_application(
    settings: Settings, directory: Path, levels: LogLevels, at_end: ExitStack
) -> tuple[Application, Surroundings]:
    """Return the application that the settings want, and what it is in.

    Raises:
        ExitRequestedError: The transcript that it should write cannot be written.
    """
    from rpcbackend.observability.access_log import AccessLog  # noqa: PLC0415 (after stdout)
    from rpcbackend.observability.logs import correlate, report_bug, tell  # noqa: PLC0415 (as above)

    access_log = AccessLog(levels)
    surroundings = Surroundings(
        channels=real_channels,
        report_bug=report_bug,
        tell=tell,
        observers=(access_log.observe,),
        log_levels=levels,
        place=settings.database.place,
        over_http=settings.security.jwt.signing(),
    )
    if settings.record.file is not None:
        from rpcbackend.transcripts.recording import recording  # noqa: PLC0415 (few record)

        at_end.enter_context(recording(settings.record, surroundings))
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
    return app, surroundings


async def run_to_end(app: Application, drain_seconds: float, at_end: ExitStack) -> None:
    """Wait until the process should end, and close the application; no end takes for ever."""
    await app.begun_to_end()
    at_end.callback(_hard_stop(app, drain_seconds + GRACE_SECONDS).cancel)
    await app.ended.wait()
    await app.close()


def _fitted(model: type[WireModel], params: Any, replace: Callable[[Any], Any]) -> Any:
    from rpcbackend.transcripts.fitting import FIELDS  # noqa: PLC0415 (few trace)

    return FIELDS.fitted_params(model, params, replace)


def _hard_stop(app: Application, seconds: float) -> threading.Timer:
    """End the process after a while, whatever still runs: the loop waits for threads to its end."""
    timer = threading.Timer(seconds, lambda: os._exit(app.exit_code or EX_TIMED_OUT))
    timer.daemon = True
    timer.start()
    return timer


def end_on_signals(app: Application) -> None:
    """Let SIGTERM and SIGINT end the process as the end of stdin does."""
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
