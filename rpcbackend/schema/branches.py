"""Branches: the places a school works from, each with its own time zone and currency."""

from typing import Annotated

from pydantic import Field

from rpcbackend.schema.base import (
    BranchId,
    Currency,
    Flag,
    Name,
    NoParams,
    Note,
    Params,
    Version,
    WireModel,
    Zone,
)


class Branch(WireModel):
    """One place of the school."""

    id: BranchId
    name: Name
    address: Note | None
    zone: Annotated[Zone, Field(description="IANA name; it rules the branch's lessons.")]
    currency: Annotated[Currency, Field(description="ISO 4217.")]
    is_active: Flag
    version: Version


class SaveBranch(Params):
    """Params of branches.save: without branchId a new one is made."""

    branch_id: BranchId | None = None
    name: Name
    address: Note | None = None
    zone: Zone
    currency: Currency
    is_active: Flag = True
    expected_version: Version | None = None


class ListBranches(NoParams):
    """Params of branches.list."""


class BranchPage(WireModel):
    """All branches, by name."""

    items: list[Branch]
