"""How a log line is written: as text for people, or as JSON for programs.

Nobody can forge one. In text, a line that begins with a time is ours, and whatever came from
elsewhere, traces and stray prints included, stands escaped behind a bar. In JSON every line is an
object, and whatever came from elsewhere is a text in it.
"""

import re
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from rpcbackend.clock import SystemClock

if TYPE_CHECKING:
    # loguru names its types in its stubs alone.
    from loguru import Record

BAR = "| "
"""Stands before every line of text that is no log line of ours."""

_UNSEEN = re.compile(
    # Control characters, and those that break or turn a line (Unicode 17, sections 2.7 and 23.2).
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)


class Form(NamedTuple):
    """One way to write lines; each ends with a line feed."""

    of_record: Callable[["Record", bool], str]
    """Writes what our own code logged, and what exceptions say if that is wanted."""
    of_stray: Callable[[str], str]
    """Writes a line that somebody printed."""
    of_loss: Callable[[int], str]
    """Tells how many lines were dropped, because nobody took them."""
    of_end: Callable[[str], str]
    """Tells why the process ends."""


def escaped(text: str) -> str:
    """Write what is unseen, or would end or turn the line, as Python writes it."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _text_of_record(record: "Record", shows_values: bool) -> str:
    time = f"{record['time']:YYYY-MM-DDTHH:mm:ss.SSSZ}"
    text = escaped(f"{record['message']} {record['extra']}")
    trace = "".join(_behind_bar(line) for line in _trace_of(record, shows_values))
    return f"{time} {record['level'].name: <7} {text}\n{trace}"


def _trace_of(record: "Record", shows_values: bool) -> Iterator[str]:
    """Return the lines of a trace, without the values of variables, which are the peer's.

    So is what an exception says: `int` quotes what is no number. Its name and place must do.
    """
    exception = record["exception"]
    if exception is not None and exception.value is not None:
        write = traceback.format_exception if shows_values else _places_of
        for part in write(exception.value):
            yield from part.rstrip("\n").split("\n")


def _places_of(bug: BaseException, seen: frozenset[int] = frozenset()) -> Iterator[str]:
    """Return where an exception came from and its name, after those that led to it."""
    seen |= {id(bug)}
    before = bug.__cause__ or (None if bug.__suppress_context__ else bug.__context__)
    if before is not None and id(before) not in seen:
        yield from _places_of(before, seen)
        yield "\nwhich led to:\n"
    yield from traceback.format_tb(bug.__traceback__)
    yield f"{type(bug).__module__}.{type(bug).__qualname__}".removeprefix("builtins.")
    if isinstance(bug, BaseExceptionGroup):
        for number, one in enumerate(bug.exceptions, 1):
            yield f"  of which number {number}:"
            yield from _places_of(one, seen)


def _behind_bar(line: str) -> str:
    return f"{BAR}{escaped(line)}\n"


def _json_of_record(record: "Record", shows_values: bool) -> str:
    extra = dict(record["extra"])
    line = {
        "at": f"{record['time'].astimezone(UTC):YYYY-MM-DDTHH:mm:ss.SSS}Z",
        "level": record["level"].name,
        "message": record["message"],
        "correlationId": extra.pop("correlation_id", None),
        "data": extra,
        "trace": list(_trace_of(record, shows_values)),
    }
    return _json({name: value for name, value in line.items() if value not in (None, {}, [])})


def _json(line: dict[str, object]) -> str:
    try:
        written = orjson.dumps(line, default=repr, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        written = orjson.dumps(_writable(line))
    # JSON writes the lower control characters; what else is unseen is written here.
    text = written.decode()
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


def _writable(value: Any) -> Any:
    """Return what orjson can write for sure: a path may be no UTF-8, a number too large."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case None | float() | bool():
            return value
        case int():
            return value if -(2**63) <= value < 2**64 else str(value)
        case dict():
            return {_writable(str(name)): _writable(member) for name, member in value.items()}
        case list() | tuple():
            return [_writable(member) for member in value]
    return _writable(repr(value))


def _json_of_stray(line: str) -> str:
    return _json({"at": _now(), "level": "PRINT", "message": line})


def _json_of_loss(count: int) -> str:
    return _json({"at": _now(), "level": "WARNING", "message": "lines dropped", "data": count})


def _now() -> str:
    now = datetime.fromtimestamp(SystemClock().now_ms() / 1_000, UTC)
    return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json_of_end(reason: str) -> str:
    return _json({"at": _now(), "level": "CRITICAL", "message": "the end", "data": reason})


TEXT = Form(
    of_record=_text_of_record,
    of_stray=_behind_bar,
    of_loss=lambda count: f"({count} lines dropped: nobody took them)\n",
    of_end=lambda reason: f"rpcbackend: {escaped(reason)}\n",
)
JSON = Form(_json_of_record, _json_of_stray, _json_of_loss, _json_of_end)
