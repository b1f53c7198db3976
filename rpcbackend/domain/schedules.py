"""When a schedule is due: cron expressions on a wall clock; knows no store and runs nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from rpcbackend.domain.zones import zone_of
from rpcbackend.errors import InvalidParamsError
from rpcbackend.schema.schedules import Schedule, ScheduleName, StoredSchedule

FIELDS = 5
"""Of an expression: one of six has seconds, for which nothing here is in a hurry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltIn:
    """A schedule as the program has it."""

    channel: str
    cron: str
    waits_for_use: bool = False


BUILT_IN: Mapping[ScheduleName, BuiltIn] = MappingProxyType(
    {
        # Due from midnight on, and made once somebody has done something: an office that is closed
        # for a week needs no seven backups of the same.
        ScheduleName.BACKUP: BuiltIn(
            channel="backups.create", cron="0 0 * * *", waits_for_use=True
        ),
        ScheduleName.UPKEEP: BuiltIn(channel="schedules.run", cron="30 3 * * *"),
        ScheduleName.CHECK: BuiltIn(channel="schedules.run", cron="0 4 * * SUN"),
    }
)


def check_cron(cron: str) -> None:
    """Check that an expression can be read, and will be due one day.

    Raises:
        InvalidParamsError: It cannot, or never is.
    """
    if next_run(cron, "UTC", _SOME_DAY) is None:
        raise InvalidParamsError(
            "The cron expression cannot be read, or is never due.",
            details={"errors": [{"path": "cron", "rule": "cron"}]},
        )


_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)


def next_run(cron: str, zone: str, after: datetime) -> datetime | None:
    """Return when the expression is due next, UTC; None for one that never is.

    A time of day that the clock skips is due right behind the gap, one that comes twice the first
    time (Debian's cron; rules T1 and T3). What is due every hour or more often goes by hours that
    pass.

    Args:
        cron: The expression.
        zone: Whose wall clock.
        after: What is due at this instant itself is over.
    """
    # Half a millisecond once it is loaded, and nobody asks before somebody saves one or it is due.
    from cronsim import CronSim, CronSimError  # noqa: PLC0415 (not at the start)

    if len(cron.split()) != FIELDS:
        return None
    try:
        for due in CronSim(cron, after.astimezone(zone_of(zone))):
            # In the hour that comes twice it counts from the first time.
            if (at := due.astimezone(UTC)) > after:
                return at
    except (CronSimError, OverflowError):
        # It cannot be read, or the calendar ends first.
        return None
    return None


def believed(cron: str, zone: str, seen_at: datetime, now: datetime) -> datetime:
    """Return until when all is seen to, or *now* if what is noted cannot be.

    A clock that is set back makes nothing due again. But when it was wrong by so much that what is
    noted lies two runs ahead, nothing would be due until then.
    """
    if seen_at <= now:
        return seen_at
    first = next_run(cron, zone, now)
    second = next_run(cron, zone, first) if first else None
    return now if second is not None and second <= seen_at else seen_at


def due_at(stored: StoredSchedule, zone: str, now: datetime) -> datetime | None:
    """Return when the schedule is due, which may be long ago; None when it never is.

    What was missed, however often, is due once. One that has never run is due now.

    Args:
        stored: What is remembered of it.
        zone: Of the school's first branch.
        now: The present.
    """
    if not stored.is_enabled:
        return None
    if stored.seen_at is None:
        return now
    cron, zone = cron_of(stored), stored.zone or zone
    return next_run(cron, zone, believed(cron, zone, stored.seen_at, now))


def cron_of(stored: StoredSchedule) -> str:
    """Return the expression that holds."""
    return stored.cron or BUILT_IN[stored.id].cron


def shown(stored: StoredSchedule, zone: str, now: datetime) -> Schedule:
    """Return the schedule as it is told; the arguments are those of `due_at`."""
    built_in = BUILT_IN[stored.id]
    return Schedule(
        name=stored.id,
        channel=built_in.channel,
        cron=cron_of(stored),
        zone=stored.zone,
        is_enabled=stored.is_enabled,
        waits_for_use=built_in.waits_for_use,
        next_at=due_at(stored, zone, now),
        last_at=stored.seen_at,
        last_job_id=stored.job_id,
        version=stored.version,
    )
