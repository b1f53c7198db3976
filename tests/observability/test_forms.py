"""How lines are written: nobody forges one, whatever it is that is logged."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as some
from loguru import logger

from rpcbackend.observability.forms import JSON, TEXT, Form, escaped
from rpcbackend.observability.logs import report_bug
from tests.clauses import clause

if TYPE_CHECKING:
    # loguru names its types in its stubs alone.
    from loguru import Record

FORGED = "\n2026-11-23T08:00:00.000+0000 INFO    all is well {}\r\x1b[2J\u2028\u202e{0.__class__}"
ESCAPED = (
    "\\n2026-11-23T08:00:00.000+0000 INFO    all is well {}\\r\\x1b[2J\\u2028\\u202e{0.__class__}"
)


Records = list["Record"]


@pytest.fixture
def records() -> Iterator[Records]:
    """What is logged."""
    kept: Records = []
    sink = logger.add(lambda message: kept.append(message.record), level="TRACE")
    yield kept
    logger.remove(sink)


def log_what_was_forged() -> None:
    logger.info("{}", FORGED)
    logger.bind(channel=FORGED, **{FORGED: 1}).info("bound")
    bug = RuntimeError(FORGED)
    bug.add_note(FORGED)
    report_bug(bug, FORGED)


@clause("log-not-forged")
def test_no_text_forges_a_line_of_text(records: Records) -> None:
    log_what_was_forged()

    written = "".join(TEXT.of_record(record, True) for record in records) + TEXT.of_stray(FORGED)
    lines = written.split("\n")[:-1]
    ours = [line for line in lines if not line.startswith("| ")]
    assert [line.partition(" ")[2] for line in ours] == [
        f"INFO    {ESCAPED} {{}}",
        f"INFO    bound {{'channel': {FORGED!r}, {FORGED!r}: 1}}",
        f"ERROR   unexpected error {{'correlation_id': {FORGED!r}}}",
    ]
    assert all(escaped(line) == line for line in lines)
    assert "| RuntimeError: " in lines
    # Of the message, the note and what was printed: behind the bar each.
    assert sum(line.startswith(f"| {ESCAPED[2:]}") for line in lines) == 2
    assert lines[-1] == f"| {ESCAPED}"


@clause("log-not-forged")
def test_no_text_forges_a_line_of_json(records: Records) -> None:
    log_what_was_forged()

    written = [JSON.of_record(record, True) for record in records]
    written += [JSON.of_stray(FORGED), JSON.of_end(FORGED), JSON.of_loss(3)]
    assert all(line.endswith("}\n") and line.count("\n") == 1 for line in written)
    assert all(escaped(line[:-1]) == line[:-1] for line in written)
    plain, bound, bug, stray, end, loss = map(orjson.loads, written)
    assert (plain["level"], plain["message"]) == ("INFO", FORGED)
    assert bound["data"] == {"channel": FORGED, FORGED: 1}
    assert (bug["correlationId"], bug["message"]) == (FORGED, "unexpected error")
    assert "".join(bug["trace"]).count("all is well") == 2
    assert (stray["level"], stray["message"]) == ("PRINT", FORGED)
    assert (end["level"], end["data"]) == ("CRITICAL", FORGED)
    assert loss["data"] == 3


@clause("log-not-forged")
@given(text=some.text())
def test_any_text_stays_within_its_line_and_can_be_read_back(text: str) -> None:
    assert orjson.loads(JSON.of_stray(text))["message"] == text
    for form in (TEXT, JSON):
        line = form.of_stray(text)
        assert line.endswith("\n")
        assert escaped(line[:-1]) == line[:-1]


@pytest.mark.parametrize("form", [TEXT, JSON], ids=["text", "json"])
def test_a_record_tells_when_and_a_program_can_read_it(records: Records, form: Form) -> None:
    logger.bind(ms=1.5, correlation_id="cor_1").warning("slow")

    (record,) = records
    line = form.of_record(record, False)
    if form is JSON:
        told: dict[str, Any] = orjson.loads(line)
        at = told.pop("at")
        assert told == {
            "level": "WARNING",
            "message": "slow",
            "correlationId": "cor_1",
            "data": {"ms": 1.5},
        }
        assert at.endswith("Z")
    else:
        assert line.partition(" ")[2] == ("WARNING slow {'ms': 1.5, 'correlation_id': 'cor_1'}\n")


def test_what_json_cannot_hold_is_described(records: Records) -> None:
    logger.bind(of=object, at={1: 2}).info("odd")

    assert orjson.loads(JSON.of_record(records[0], False))["data"] == {
        "of": "<class 'object'>",
        "at": {"1": 2},
    }


def test_what_orjson_cannot_write_costs_no_line(records: Records) -> None:
    odd: dict[str, Any] = {
        "path": "caf\udce9",
        "big": [2**70, -(2**64), 2**64 - 1],
        "in": {"\udc80": (True, None, 1.5), 7: Opaque()},
    }
    logger.bind(**odd).info("odd")

    assert orjson.loads(JSON.of_record(records[0], False))["data"] == {
        "path": "caf\\udce9",
        "big": [str(2**70), str(-(2**64)), 2**64 - 1],
        "in": {"\\udc80": [True, None, 1.5], "7": "<caf\\udce9>"},
    }
    assert orjson.loads(JSON.of_stray("caf\udce9"))["message"] == "caf\\udce9"


class Opaque:
    """Described by a text that is none."""

    def __repr__(self) -> str:
        """Return it."""
        return "<caf\udce9>"


@pytest.mark.parametrize("form", [TEXT, JSON], ids=["text", "json"])
def test_a_trace_holds_no_values_of_variables(records: Records, form: Form) -> None:
    try:
        _fail(f"{4929}-{1234}")
    except ZeroDivisionError as bug:
        report_bug(bug, "cor_1")

    line = form.of_record(records[0], True)
    assert "ZeroDivisionError: division by zero" in line
    assert "4929-1234" not in line


def _fail(card_number: str) -> float:
    return len(card_number) / 0


@clause("log-not-personal")
@pytest.mark.parametrize("form", [TEXT, JSON], ids=["text", "json"])
def test_what_exceptions_say_is_told_only_where_values_are(records: Records, form: Form) -> None:
    """It may quote whatever they were raised about: `int` does."""
    try:
        _fail_all(f"{4929}-{1234}")
    except RuntimeError as bug:
        report_bug(bug, "cor_1")

    line = form.of_record(records[0], False)
    assert "4929-1234" not in line
    assert line.count("in _fail_all") == 4
    places = [line.rindex(name) for name in (*LED, "RuntimeError")]
    assert places == sorted(places)
    whole = form.of_record(records[0], True)
    assert whole.count("4929-1234") == 6


LED = ("ValueError", "KeyError", "ExceptionGroup", "of which number 1", f"{__name__}.OddError")


class OddError(Exception):
    """One of ours."""


def _fail_all(card_number: str) -> None:
    bug = OddError(card_number)
    bug.add_note(card_number)
    try:
        try:
            int(card_number)
        except ValueError:
            raise KeyError(card_number)  # noqa: B904 (what it is about)
    except KeyError as error:
        try:
            raise ExceptionGroup(card_number, [bug])  # noqa: TRY301 (one with others in it)
        except ExceptionGroup as group:
            group.__cause__ = error
            raise RuntimeError(card_number) from group


def test_exceptions_in_a_ring_are_told_once_each(records: Records) -> None:
    first, second = RuntimeError(), ValueError()
    first.__cause__, second.__cause__ = second, first
    report_bug(first, "cor_1")

    assert orjson.loads(JSON.of_record(records[0], False))["trace"] == [
        "ValueError",
        "",
        "which led to:",
        "RuntimeError",
    ]
