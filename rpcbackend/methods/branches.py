"""Branches: list and save."""

from rpcbackend.context import Context
from rpcbackend.dispatch.kept import Kept
from rpcbackend.dispatch.registry import method
from rpcbackend.domain.versions import next_version
from rpcbackend.domain.zones import zone_of
from rpcbackend.errors import NotFoundError, VersionConflictError, ZoneUnknownError
from rpcbackend.schema.base import Encoded
from rpcbackend.schema.branches import Branch, BranchPage, ListBranches, SaveBranch
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
    """Add a branch, or replace the one with the given id."""
    zone_of(params.zone)

    async def unit(work: Work) -> Branch:
        old = await work.branches.require(params.branch_id) if params.branch_id else None
        branch = Branch(
            id=old.id if old else work.new_id("bra"),
            name=params.name,
            address=params.address,
            zone=params.zone,
            currency=params.currency,
            is_active=params.is_active,
            version=next_version(old, params.expected_version),
        )
        await work.branches.put(branch)
        await work.record(
            "branches.saved", ("branch", branch.id, branch.version), {"branchId": branch.id}
        )
        return branch

    return await ctx.write(unit)
