"""Several processes behind one address: `rpcbackend http --workers N`, over a server's database."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import TextIO

from rpcbackend.alone import serve_alone
from rpcbackend.config import Settings, default_data_dir
from rpcbackend.exits import (
    EX_BUG,
    EX_CONFIG,
    EX_PROTOCOL,
    EX_SCHEMA,
    EX_UNAVAILABLE,
    EX_USAGE,
    EX_WRONG_KEY,
)
from rpcbackend.mirror.listener import bind

_FOR_GOOD = frozenset({EX_USAGE, EX_UNAVAILABLE, EX_PROTOCOL, EX_WRONG_KEY, EX_CONFIG, EX_SCHEMA})
"""What another try would end with as well."""

MOST_DEATHS = 100
"""Workers that are replaced; then something is wrong with all of them."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve_crew(settings: Settings, count: int, *, stdin: TextIO) -> int:
    """Serve over HTTP with several workers until a signal ends it, and return the exit code.

    Each has a data directory of its own, for its log, in the one of the settings.

    Args:
        settings: With a database that a server keeps.
        count: How many.
        stdin: Is read by nobody.
    """
    if sys.platform == "win32":
        return _refuse("several workers share a socket, which Windows does not do", EX_USAGE)
    try:
        sock = bind(settings.api)
    except OSError as error:
        return _refuse(f"the address cannot be listened on: {error.strerror}", EX_UNAVAILABLE)
    directory = settings.data_dir or default_data_dir()

    def work(number: int) -> int:
        own = settings.model_copy(update={"data_dir": directory / f"worker-{number}"})
        return serve_alone(own, key_file=None, stdin=stdin, sock=sock)

    with sock:
        return Crew(work, count).run()


def _refuse(why: str, code: int) -> int:
    sys.stderr.write(f"rpcbackend: {why}\n")
    return code


class Crew:
    """Workers that are replaced when they die, and end together.

    Args:
        work: What each does, in a process of its own: takes its number, returns its exit code.
        count: How many there are.
    """

    def __init__(self, work: Callable[[int], int], count: int) -> None:
        self._work, self._count = work, count
        self._numbers: dict[int, int] = {}
        """Of the workers, by their process."""
        self._is_stopping = False

    def run(self) -> int:
        """Work until all have ended, and return the first exit code that is not 0."""
        before = {name: signal.signal(name, self._stop) for name in _SIGNALS}
        try:
            for number in range(1, self._count + 1):
                self._start(number)
            return self._look_after()
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)

    def _look_after(self) -> int:
        code, deaths = 0, 0
        while self._numbers:
            pid, status = os.wait()
            number = self._numbers.pop(pid, None)
            ended = os.waitstatus_to_exitcode(status)
            if number is None or self._is_stopping:
                code = code or max(ended, 0)
                continue
            deaths += 1
            if ended in _FOR_GOOD or deaths > MOST_DEATHS:
                code = ended if ended in _FOR_GOOD else EX_BUG
                self._stop(signal.SIGTERM, None)
            else:
                self._start(number)
        return code

    def _start(self, number: int) -> None:
        # A signal between the two steps would miss the new one.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pid = 0 if self._is_stopping else os.fork()
        if pid:
            self._numbers[pid] = number
        elif not self._is_stopping:
            self._become(number)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def _become(self, number: int) -> None:
        """Be that worker, and end: what the parent would go on with is not for it."""
        code = EX_BUG
        try:
            for name in _SIGNALS:
                signal.signal(name, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            code = self._work(number)
        finally:
            sys.stderr.flush()
            os._exit(code)

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._is_stopping = True
        for pid in self._numbers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
