"""Branches: the places a school works from, each with its own time zone and currency."""

from typing import Annotated

from pydantic import Field

from rpcbackend.schema.base import (
    PERSONAL,
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
    is_active: Flag
    version: Version


class SaveBranch(Params):
    """Params of branches.save: without branchId a new one is made."""

    branch_id: BranchId | None = None
    name: BranchName
    address: Address = None
    zone: Zone
    currency: Currency
    is_active: Flag = True
    expected_version: Version | None = None


class ListBranches(NoParams):
    """Params of branches.list."""


class BranchPage(WireModel):
    """All branches, by name."""

    items: list[Branch]
