"""Branches: the places a school works from, each with its own time zone and currency."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Field

from rpcbackend.schema.base import (
    PERSONAL,
    BranchId,
    Currency,
    Flag,
    Integer,
    Language,
    Name,
    NoParams,
    Note,
    Params,
    Version,
    WallTime,
    WireModel,
    Zone,
)

MAX_REMINDER_MINUTES = 14 * 24 * 60
"""Two weeks: who is reminded earlier has forgotten it again."""

# A school is often called after whoever runs it, and at home where he is.
BranchName = Annotated[Name, Field(json_schema_extra=PERSONAL)]
Address = Annotated[Note | None, Field(json_schema_extra=PERSONAL)]


class Branch(WireModel):
    """One place of the school."""

    id: BranchId
    name: BranchName
    address: Address
    zone: Annotated[Zone, Field(description="IANA name; it rules the branch's lessons.")]
    currency: Annotated[Currency, Field(description="ISO 4217.")]
    language: Annotated[Language, Field(description="Of whoever has no other.")]
    quiet_from: Annotated[
        WallTime, Field(description="From then on nobody is written to; quietUntil: always.")
    ]
    quiet_until: WallTime
    reminder_minutes: Annotated[
        Integer,
        Field(
            ge=0,
            le=MAX_REMINDER_MINUTES,
            description="How long before a lesson its student is reminded; 0 is never.",
        ),
    ]
    is_active: Flag
    version: Version


USUAL: Mapping[str, Any] = MappingProxyType(
    {
        "language": Language.DE,
        "quiet_from": "21:00",
        "quiet_until": "08:00",
        "reminder_minutes": 24 * 60,
    }
)
"""How a branch writes to people that never said anything else."""


class SaveBranch(Params):
    """Params of branches.save: without branchId a new one is made."""

    branch_id: BranchId | None = None
    name: BranchName
    address: Address = None
    zone: Zone
    currency: Currency
    language: Annotated[Language | None, Field(description="Stays when left out; at first de.")] = (
        None
    )
    quiet_from: Annotated[
        WallTime | None, Field(description="Stays when left out; at first 21:00.")
    ] = None
    quiet_until: Annotated[
        WallTime | None, Field(description="Stays when left out; at first 08:00.")
    ] = None
    reminder_minutes: Annotated[
        Integer | None,
        Field(ge=0, le=MAX_REMINDER_MINUTES, description="Stays when left out; at first a day's."),
    ] = None
    is_active: Flag = True
    expected_version: Version | None = None


class ListBranches(NoParams):
    """Params of branches.list."""


class BranchPage(WireModel):
    """All branches, by name."""

    items: list[Branch]
