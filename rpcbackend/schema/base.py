"""The two bases of all wire models and the types they share."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    Strict,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

MAX_SAFE_INTEGER = 2**53 - 1
"""The greatest integer that JavaScript reads exactly (I-JSON, RFC 7493 section 2.2)."""

MAX_PAGE = 200
"""Rows a list answers at most: a screenful many times over, and well under the reply limit."""

MAX_CURSOR = 2_400
"""A cursor holds two names of 200 characters of four bytes and an id, in base64."""

PERSONAL = {"x-personal": True}
"""Marks a field as personal data: redaction, transcripts and erasure look for it."""

SECRET = {"x-secret": True}
"""Marks a field that opens something: it is never logged, recorded or stored as it is."""


class WireModel(BaseModel):
    """An object of the wire: camelCase there, snake_case here."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        extra="forbid",
        frozen=True,
        # 100 models cost 61 ms at start when built eagerly, 16 ms when built on first use.
        defer_build=True,
        hide_input_in_errors=True,
    )


ModelT = TypeVar("ModelT", bound=WireModel)


class Params(WireModel):
    """The params of a channel: unknown names are refused, wire names only."""

    model_config = ConfigDict(validate_by_name=False)


@dataclass(frozen=True, slots=True)
class Encoded(Generic[ModelT]):
    """A model that the database already wrote as JSON: it goes to the wire as it is."""

    json: bytes


class Empty(WireModel):
    """An answer that says no more than that it was done."""


class NoParams(Params):
    """The params of a channel that takes none."""


# Outside of these years the arithmetic of lessons and zones runs out of calendar.
_INSTANT = re.compile(
    r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?Z"
)
_INSTANT_PATTERN = (
    r"^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?Z$"
)
"""As the contract wants it; that seconds may be left out is nothing to rely on."""
_CIVIL_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def _read_instant(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError("an instant is RFC 3339 in UTC, such as 2026-11-23T09:00:00Z")
    return value


def _read_civil_date(value: Any) -> Any:
    # Without this pydantic reads numbers and date-times as dates too.
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _CIVIL_DATE.fullmatch(value):
        raise ValueError("a date is YYYY-MM-DD")
    return value


def format_instant(at: datetime) -> str:
    """Write an instant the way the wire wants it: whole seconds unless there is a fraction."""
    text = at.astimezone(UTC).isoformat(timespec="milliseconds" if at.microsecond else "seconds")
    return text.removesuffix("+00:00") + "Z"


Instant = Annotated[
    datetime,
    BeforeValidator(_read_instant),
    PlainSerializer(format_instant, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "pattern": _INSTANT_PATTERN,
            "description": "RFC 3339 in UTC.",
        }
    ),
]
CivilDate = Annotated[
    date,
    BeforeValidator(_read_civil_date),
    WithJsonSchema({"type": "string", "format": "date"}),
]
Integer = Annotated[int, Strict(), Field(ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER)]
Flag = Annotated[bool, Strict()]

# Control characters other than tab and line feed forge log lines and confuse terminals.
_PLAIN = r"^[^\x00-\x08\x0b-\x1f\x7f]*$"
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=_PLAIN)
]
Note = Annotated[str, StringConstraints(max_length=5_000, pattern=_PLAIN)]
BLANKS = r"\s\x00-\x1f\x7f-\x9f\ufeff"
r"""Within a class of a pattern: spaces and control characters, whoever reads it.

`\s` alone is U+001C for Python only, U+FEFF for JavaScript only (ECMA-262 section 22.2.2.9), and
U+0085 for all but that.
"""
Email = Annotated[str, StringConstraints(max_length=254, pattern=rf"^[^@{BLANKS}]+@[^@{BLANKS}]+$")]
Phone = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$")]
WallTime = Annotated[
    str,
    StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$"),
    Field(description="A time of day on the wall clock, such as 08:00."),
]
Zone = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_+/-]+$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Version = Annotated[Integer, Field(ge=1, description="Grows by one with every change.")]
Limit = Annotated[Integer, Field(ge=1, le=MAX_PAGE)]
Cursor = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_CURSOR),
    # Some hold names, and nobody can tell what a caller puts there.
    Field(json_schema_extra=PERSONAL),
]


def id_pattern(prefix: str) -> StringConstraints:
    """Constrain a text to a prefixed UUIDv7 (RFC 9562 section 5.7)."""
    digits = "[0-9a-f]"
    return StringConstraints(
        pattern=rf"^{prefix}_{digits}{{8}}-{digits}{{4}}-7{digits}{{3}}-[89ab]{digits}{{3}}-{digits}{{12}}$"
    )


BranchId = Annotated[str, id_pattern("bra")]
InstructorId = Annotated[str, id_pattern("ins")]
LessonId = Annotated[str, id_pattern("les")]
StudentId = Annotated[str, id_pattern("stu")]
VehicleId = Annotated[str, id_pattern("veh")]


class Language(StrEnum):
    """In which the school writes to people; each has its words in `rpcbackend/domain/`."""

    DE = "de"
    EN = "en"


_LOCAL_MINUTE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}$"


class LocalSpan(WireModel):
    """A span on the wall clock of its zone, to the minute, without offset."""

    start: Annotated[str, StringConstraints(pattern=_LOCAL_MINUTE)]
    end: Annotated[str, StringConstraints(pattern=_LOCAL_MINUTE)]
