"""Schedules: what runs by itself, and when."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from rpcbackend.schema.base import (
    Flag,
    Instant,
    Integer,
    NoParams,
    Params,
    Version,
    WireModel,
    Zone,
)
from rpcbackend.schema.jobs import JobId

Cron = Annotated[
    str,
    StringConstraints(min_length=9, max_length=100, pattern=r"^[0-9A-Za-z*,/#? -]+$"),
    Field(description="Minute, hour, day of month, month, day of week, as Debian's cron."),
]


class ScheduleName(StrEnum):
    """What runs by itself."""

    BACKUP = "backup"
    """Makes the day's backup."""
    UPKEEP = "upkeep"
    """Removes what nobody needs any more."""
    CHECK = "check"
    """Looks through the whole store."""


class StoredSchedule(WireModel):
    """What is remembered of a schedule."""

    id: ScheduleName
    cron: Cron | None = None
    zone: Zone | None = None
    is_enabled: Flag = True
    seen_at: Instant | None = None
    job_id: JobId | None = None
    version: Version = 1


class Schedule(WireModel):
    """What runs by itself, and when."""

    name: ScheduleName
    channel: Annotated[str, Field(description="What it begins, as a job.")]
    cron: Cron
    zone: Annotated[
        Zone | None, Field(description="Whose wall clock; null: of the school's first branch.")
    ]
    is_enabled: Flag
    waits_for_use: Annotated[
        Flag, Field(description="Whether it waits, once due, until something was changed.")
    ]
    next_at: Annotated[
        Instant | None, Field(description="When it is due; in the past it runs soon.")
    ]
    last_at: Annotated[Instant | None, Field(description="When it was begun or changed last.")]
    last_job_id: JobId | None
    version: Version


class ListSchedules(NoParams):
    """Params of schedules.list."""


class SchedulePage(WireModel):
    """All schedules."""

    items: list[Schedule]


class SaveSchedule(Params):
    """Params of schedules.save."""

    name: ScheduleName
    cron: Annotated[Cron | None, Field(description="Null: the program's own.")] = None
    zone: Annotated[Zone | None, Field(description="Null: of the school's first branch.")] = None
    is_enabled: Flag = True
    expected_version: Version | None = None


class RunSchedule(Params):
    """Params of schedules.run."""

    name: Literal["upkeep", "check"]


class RanSchedule(WireModel):
    """What the job of schedules.run answers."""

    name: ScheduleName
    removed: Annotated[
        dict[str, Integer], Field(description="Of the upkeep: how many records of each kind.")
    ]
    integrity: Annotated[Literal["ok", "damaged"] | None, Field(description="Of the check.")] = None
    problems: Annotated[
        Integer, Field(ge=0, description="Of the check; system.health names them.")
    ] = 0
