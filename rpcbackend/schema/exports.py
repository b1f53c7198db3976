"""Exports: files of what the school has, for other programs."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from rpcbackend.schema.base import PERSONAL, Flag, Instant, Integer, Params, WireModel


class ExportKind(StrEnum):
    """What can be exported."""

    STUDENTS = "students"
    INSTRUCTORS = "instructors"
    VEHICLES = "vehicles"
    LESSONS = "lessons"
    AUDIT = "audit"


class ExportFormat(StrEnum):
    """How the file is written."""

    CSV = "csv"
    """RFC 4180: a line of names, then a line a record; texts that look like formulas are guarded by
    an apostrophe."""
    JSON = "json"
    """An array of the records, as the lists tell them."""


class StartExport(Params):
    """Params of exports.start."""

    kind: ExportKind
    format: ExportFormat
    path: Annotated[
        str,
        StringConstraints(min_length=1, max_length=4_096, pattern=r"^[^\x00]+$"),
        Field(
            description="The absolute path of the file to make; there must not be one yet.",
            # Folders are named after whose they are.
            json_schema_extra=PERSONAL,
        ),
    ]
    from_: Annotated[
        Instant | None,
        Field(alias="from", description="Lessons that end after it; rows of the audit from it on."),
    ] = None
    to: Annotated[
        Instant | None, Field(description="Lessons that start before it, rows of the audit too.")
    ] = None
    byte_order_mark: Annotated[
        Flag, Field(description="For CSV: lets Excel read names that are not English.")
    ] = False


class Exported(WireModel):
    """What the job of exports.start answers; the file is where the caller wanted it."""

    rows: Integer
    bytes: Integer
    sha256: Annotated[str, Field(description="Of the file, in hex.")]
    head_seq: Annotated[Integer, Field(description="The last event that the file reflects.")]
