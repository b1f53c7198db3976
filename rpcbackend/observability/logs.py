"""The log of this process: from which level on, in which form, and with the call it belongs to."""

import logging
import re
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from loguru import logger

from rpcbackend.monitor import LogLevels
from rpcbackend.observability.forms import Form
from rpcbackend.observability.sinks import BoundedSink

if TYPE_CHECKING:
    # loguru names its types in its stubs alone.
    from loguru import Message, Record

_BY_NUMBER = ((50, "CRITICAL"), (40, "ERROR"), (30, "WARNING"), (0, "INFO"))
"""Levels of the standard library's logging, by the least of their numbers."""

_VALUES = re.compile(r"[(<\n].*", re.DOTALL)
"""What may be quoted by a text about an exception."""

_LEAST_OF_LIBRARIES = 20
"""What a library logs below INFO is for its authors, and may hold values: whole statements, say."""


def start_log(sink: BoundedSink, form: Form, levels: LogLevels) -> None:
    """Send all log lines to *sink* and nowhere else, from the present level on.

    Those of the standard library's logging too: libraries use it, and the event loop.
    """
    logger.remove()
    # No text from elsewhere ever is a format: lines are put together by the form alone (D10).
    last = _add(sink, form, levels.level)

    def change(level: str) -> None:
        nonlocal last
        # The new one first: a line twice is better than none.
        last, before = _add(sink, form, level), last
        logger.remove(before)
        _listen_from(level)

    levels.on_change = change
    logging.root.handlers = [_Intercepted(levels)]
    _listen_from(levels.level)
    logging.captureWarnings(capture=True)
    # Python itself would print what these say.
    threading.excepthook = lambda lost: _log_lost(lost.exc_value, "a thread has failed")
    sys.unraisablehook = lambda lost: _log_lost(
        lost.exc_value, "a failure that nobody can be told of"
    )


def _log_lost(bug: BaseException | None, what: str) -> None:
    logger.opt(exception=bug).error(what)


def _add(sink: BoundedSink, form: Form, level: str) -> int:
    def write(message: "Message") -> None:
        sink.write(form.of_record(message.record, level == "TRACE"))

    return logger.add(
        write, level=level, format=lambda _: "", catch=True, backtrace=False, diagnose=False
    )


def _listen_from(level: str) -> None:
    logging.root.setLevel(max(logger.level(level).no, _LEAST_OF_LIBRARIES))


def correlate(correlation_id: Callable[[], str | None]) -> None:
    """Let every line of a call tell its correlation id; asked only when a line is written."""

    def patch(record: "Record") -> None:
        if "correlation_id" not in record["extra"] and (found := correlation_id()):
            record["extra"]["correlation_id"] = found

    logger.configure(patcher=patch)


class _Intercepted(logging.Handler):
    """Hands on what a library logs.

    What asyncio says of an exception goes on with what it is about: the arguments of a callback,
    the task and what it failed with.

    Args:
        levels: Tells whether values are wanted.
    """

    def __init__(self, levels: LogLevels) -> None:
        super().__init__()
        self._levels = levels

    def emit(self, record: logging.LogRecord) -> None:
        try:
            said = record.getMessage()
        except Exception:  # noqa: BLE001 (its author's mistake, which is told like any other)
            said = f"{record.msg!r} % {record.args!r}"
        level = next(name for least, name in _BY_NUMBER if record.levelno >= least)
        bug = record.exc_info[1] if record.exc_info else None
        if bug is not None and self._levels.level != "TRACE":
            said = _VALUES.sub("", said)
        logger.bind(library=record.name, said=said).opt(exception=bug).log(level, "a library says")


def report_bug(bug: Exception, correlation_id: str) -> None:
    """Log an exception that no handler expected, under the id that the peer was given."""
    logger.bind(correlation_id=correlation_id).opt(exception=bug).error("unexpected error")


def tell(message: str, figures: dict[str, Any]) -> None:
    """Log what whoever reads the log should know."""
    logger.bind(**figures).warning(message)
