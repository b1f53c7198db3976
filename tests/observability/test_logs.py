"""From which level on lines are written, what libraries log, and which call a line belongs to."""

import asyncio
import logging
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest
from loguru import logger

from rpcbackend.monitor import LogLevels
from rpcbackend.observability.forms import TEXT
from rpcbackend.observability.logs import correlate, report_bug, start_log, tell
from rpcbackend.observability.sinks import BoundedSink, to_fd
from rpcbackend.schema.system import LogLevel


class Kept(BoundedSink):
    """A sink that keeps the lines, without their times."""

    def __init__(self) -> None:
        super().__init__(to_fd(2))
        self.lines: list[str] = []

    def write(self, line: str) -> None:
        """Keep it."""
        self.lines.append(line.partition(" ")[2])


@pytest.fixture
def log() -> Iterator[tuple[Kept, LogLevels]]:
    """A log that was started, and everything as before in the end."""
    handlers, level = logging.root.handlers, logging.root.level
    hooks = threading.excepthook, sys.unraisablehook
    sink, levels = Kept(), LogLevels("INFO")
    start_log(sink, TEXT, levels)
    yield sink, levels
    logger.remove()
    logger.configure(patcher=lambda _: None)
    logging.captureWarnings(capture=False)
    threading.excepthook, sys.unraisablehook = hooks
    logging.root.handlers = handlers
    logging.root.setLevel(level)


def test_lines_below_the_level_are_not_written(log: tuple[Kept, LogLevels]) -> None:
    logger.debug("too fine")
    logger.bind(n=1).info("fine")

    assert log[0].lines == ["INFO    fine {'n': 1}\n"]


def test_the_level_changes_while_the_process_runs_and_goes_back(
    log: tuple[Kept, LogLevels],
) -> None:
    sink, levels = log
    library = logging.getLogger("library")
    for level in ("DEBUG", "ERROR", levels.configured):
        levels.change(level)
        logger.debug("debug, at {}", level)
        library.debug("for its authors alone")
        library.info("info, at %s", level)
        logger.info("info, at {}", level)

    assert levels.level == "INFO"
    assert sink.lines == [
        "DEBUG   debug, at DEBUG {}\n",
        "INFO    a library says {'library': 'library', 'said': 'info, at DEBUG'}\n",
        "INFO    info, at DEBUG {}\n",
        "INFO    a library says {'library': 'library', 'said': 'info, at INFO'}\n",
        "INFO    info, at INFO {}\n",
    ]


@pytest.mark.parametrize(
    ("number", "level"),
    [
        (20, "INFO"),
        (25, "INFO"),
        (30, "WARNING"),
        (40, "ERROR"),
        (50, "CRITICAL"),
        (99, "CRITICAL"),
    ],
)
def test_what_a_library_logs_comes_into_the_same_log(
    log: tuple[Kept, LogLevels], number: int, level: str
) -> None:
    logging.getLogger("a.library").log(number, "%s is %d", "it", 7)

    assert log[0].lines == [
        f"{level: <7} a library says {{'library': 'a.library', 'said': 'it is 7'}}\n"
    ]


def test_what_a_library_logs_wrongly_is_logged_as_it_is(log: tuple[Kept, LogLevels]) -> None:
    record = {"name": "library", "levelno": 30, "msg": "%d", "args": ("seven",)}
    # Not by a logger, where pytest's own handler would fail.
    logging.root.handlers[0].handle(logging.makeLogRecord(record))

    assert log[0].lines == [
        "WARNING a library says {'library': 'library', 'said': \"'%d' % ('seven',)\"}\n"
    ]


def test_the_trace_of_a_library_s_trouble_is_logged(log: tuple[Kept, LogLevels]) -> None:
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        logging.getLogger("library").exception("trouble")
    logging.getLogger("library").error("none", exc_info=(None, None, None))

    first, second = log[0].lines
    assert first.startswith("ERROR   a library says {'library': 'library', 'said': 'trouble'}\n| ")
    assert first.endswith("\n| ZeroDivisionError\n")
    assert second == "ERROR   a library says {'library': 'library', 'said': 'none'}\n"


@pytest.mark.parametrize("level", ["INFO", "TRACE"])
async def test_what_a_forgotten_task_failed_with_is_told_where_values_are(
    log: tuple[Kept, LogLevels], level: LogLevel
) -> None:
    async def fail(about: str) -> None:
        raise ValueError(about)

    sink, levels = log
    levels.change(level)
    loop = asyncio.get_running_loop()
    task = loop.create_task(fail("Ada Byron"))
    await asyncio.wait({task})
    # As the loop does when nobody has asked for the result.
    context = {"message": "never retrieved", "task": task, "exception": task.exception()}
    loop.default_exception_handler(context)

    (line,) = [line for line in sink.lines if "never retrieved" in line]
    assert "ValueError" in line
    assert ("Ada Byron" in line) == (level == "TRACE")


async def test_what_a_callback_was_given_is_not_told(log: tuple[Kept, LogLevels]) -> None:
    loop, failed = asyncio.get_running_loop(), asyncio.Event()

    def fail(about: str) -> None:
        failed.set()
        raise ValueError(about)

    loop.call_soon(fail, "Ada Byron")
    await failed.wait()
    await asyncio.sleep(0)

    (line,) = log[0].lines
    assert ("Exception in callback" in line, "Ada" in line) == (True, False)


def test_what_threads_and_finalizers_fail_with_is_logged_too(log: tuple[Kept, LogLevels]) -> None:
    class Failing:
        def __del__(self) -> None:
            int("Ada " + "Byron")

    thread = threading.Thread(target=int, args=("Ada " + "Byron",))
    thread.start()
    thread.join()
    del thread
    Failing()

    assert [line.splitlines()[0].split("{")[0] for line in log[0].lines] == [
        "ERROR   a thread has failed ",
        "ERROR   a failure that nobody can be told of ",
    ]
    assert all(line.endswith("| ValueError\n") for line in log[0].lines)


def test_warnings_are_logged(log: tuple[Kept, LogLevels]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        # Again: whoever catches warnings takes over how they are shown.
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        logging.captureWarnings(capture=False)

    assert "DeprecationWarning: old" in log[0].lines[0]


def test_a_line_tells_its_call_and_one_that_knows_better_its_own(
    log: tuple[Kept, LogLevels],
) -> None:
    calls = iter(["cor_1", None])
    correlate(lambda: next(calls))

    logger.info("within")
    logger.info("without")
    report_bug(RuntimeError(), "cor_7")
    logging.getLogger("library")

    assert [line.partition("\n")[0] for line in log[0].lines] == [
        "INFO    within {'correlation_id': 'cor_1'}",
        "INFO    without {}",
        "ERROR   unexpected error {'correlation_id': 'cor_7'}",
    ]


def test_what_should_be_known_is_a_warning(log: tuple[Kept, LogLevels]) -> None:
    tell("the disk is filling up", {"free_bytes": 7})

    assert log[0].lines == ["WARNING the disk is filling up {'free_bytes': 7}\n"]
