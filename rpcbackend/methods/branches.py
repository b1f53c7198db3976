"""Branches: list and save."""

from typing import Any

from rpcbackend.context import Context
from rpcbackend.dispatch.kept import Kept
from rpcbackend.dispatch.registry import method
from rpcbackend.domain.versions import next_version
from rpcbackend.domain.zones import zone_of
from rpcbackend.errors import NotFoundError, VersionConflictError, ZoneUnknownError
from rpcbackend.notices.recipient import hours_of
from rpcbackend.schema.base import Encoded
from rpcbackend.schema.branches import USUAL, Branch, BranchPage, ListBranches, SaveBranch
from rpcbackend.security.roles import Permission
from rpcbackend.store import Work


@method("branches.list", permission=Permission.BRANCHES_READ, kept=Kept("branches"))
async def list_all(ctx: Context, params: ListBranches) -> Encoded[BranchPage]:  # noqa: ARG001 (takes none)
    """Return all branches by name."""
    return await ctx.read(lambda work: work.branches.list())


@method(
    "branches.save",
    permission=Permission.BRANCHES_WRITE,
    kind="command",
    errors=(NotFoundError, VersionConflictError, ZoneUnknownError),
    events=("branches.saved",),
)
async def save(ctx: Context, params: SaveBranch) -> Branch:
    """Add a branch, or replace the one with the given id.

    Its quiet hours hold at once, for what waits already too; when its students are reminded is
    decided anew.
    """
    zone_of(params.zone)

    async def unit(work: Work) -> Branch:
        old = await work.branches.require(params.branch_id) if params.branch_id else None
        branch = Branch(
            id=old.id if old else work.new_id("bra"),
            name=params.name,
            address=params.address,
            zone=params.zone,
            currency=params.currency,
            **_messages(params, old),
            is_active=params.is_active,
            version=next_version(old, params.expected_version),
        )
        await work.branches.put(branch)
        if old and _habits_of(old) != _habits_of(branch):
            await work.reminders.forget(branch.id, work.now)
            await work.waiting.leave_branch_alone(hours_of(branch), branch.id)
        await work.record(
            "branches.saved", ("branch", branch.id, branch.version), {"branchId": branch.id}
        )
        return branch

    return await ctx.write(unit)


def _messages(params: SaveBranch, old: Branch | None) -> dict[str, Any]:
    """Return how the branch writes to people: as given, as it was, or as is usual."""
    return {
        name: _first(getattr(params, name), getattr(old, name, None), usual)
        for name, usual in USUAL.items()
    }


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)


def _habits_of(branch: Branch) -> tuple[Any, ...]:
    """Return what decides when its students are reminded."""
    return branch.zone, branch.quiet_from, branch.quiet_until, branch.reminder_minutes
