"""Schedules: what runs by itself; see it, change it, run it now."""

from rpcbackend.backups import require_file
from rpcbackend.begin import begin_job
from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.domain.schedules import check_cron, shown
from rpcbackend.domain.versions import next_version
from rpcbackend.domain.zones import zone_of
from rpcbackend.errors import ServerDatabaseError, VersionConflictError, ZoneUnknownError
from rpcbackend.schema.jobs import Started
from rpcbackend.schema.schedules import (
    ListSchedules,
    RanSchedule,
    RunSchedule,
    SaveSchedule,
    Schedule,
    ScheduleName,
    SchedulePage,
)
from rpcbackend.security.roles import Permission
from rpcbackend.store import Work
from rpcbackend.upkeep import keeping

_NOWHERE = "UTC"
"""The zone of a school without branches."""


@method("schedules.list", permission=Permission.SCHEDULES_READ)
async def list_all(ctx: Context, params: ListSchedules) -> SchedulePage:  # noqa: ARG001 (takes none)
    """Return what runs by itself, when it did and when it will."""

    async def unit(work: Work) -> SchedulePage:
        zone = await work.branches.first_zone() or _NOWHERE
        stored = [each for each in await work.schedules.list() if _is_ours(ctx, each.id)]
        return SchedulePage(items=[shown(each, zone, work.now) for each in stored])

    return await ctx.read(unit)


def _is_ours(ctx: Context, name: str) -> bool:
    """Tell whether this program does it: whoever keeps the database backs it up."""
    return name != ScheduleName.BACKUP or not ctx.host.store.engine.is_shared


@method(
    "schedules.save",
    permission=Permission.SCHEDULES_WRITE,
    kind="command",
    errors=(VersionConflictError, ZoneUnknownError, ServerDatabaseError),
    events=("schedules.saved",),
)
async def save(ctx: Context, params: SaveSchedule) -> Schedule:
    """Change when something runs by itself, or whether it does.

    What was missed until now is not made up for: it counts from here on.
    """
    if not _is_ours(ctx, params.name):
        require_file(ctx.host.store)
    if params.cron is not None:
        check_cron(params.cron)
    if params.zone is not None:
        zone_of(params.zone)

    async def unit(work: Work) -> Schedule:
        old = await work.schedules.get(params.name)
        changed = {
            "cron": params.cron,
            "zone": params.zone,
            "is_enabled": params.is_enabled,
            "seen_at": work.now.replace(microsecond=0),
            "version": next_version(old, params.expected_version),
        }
        new = old.model_copy(update=changed)
        await work.schedules.put(new)
        await work.record("schedules.saved", ("schedule", new.id, new.version), {"name": new.id})
        return shown(new, await work.branches.first_zone() or _NOWHERE, work.now)

    return await ctx.write(unit)


@method(
    "schedules.run",
    permission=Permission.SCHEDULES_WRITE,
    kind="job",
    resume=keeping,
)
async def run_now(ctx: Context, params: RunSchedule) -> Started[RanSchedule]:
    """Begin the upkeep or the check now, whenever it is due; backups.create makes a backup."""
    return await begin_job(ctx, keeping(ctx.host, params), resume_by=params)
