"""When a student is reminded of a lesson."""

from datetime import datetime, timedelta

from rpcbackend.domain.quiet import QuietHours

AHEAD_OF_QUIET = timedelta(minutes=15)
"""What must go before the quiet hours goes so long before: it may take some tries."""

OF_USE = timedelta(hours=1)
"""Who is told later than this before the start can hardly get ready, or say that he cannot come."""


def reminder_at(
    starts_at: datetime, lead: timedelta, quiet: QuietHours, now: datetime
) -> datetime | None:
    """Return when to remind of a lesson, or None if it cannot be done.

    At its time, or at once if that has passed; then not in the quiet hours but when they end, or
    before they begin if their end is too late to be of use.

    Args:
        starts_at: When the lesson starts, later than *now*.
        lead: How long before; nothing is never.
        quiet: When the student is left alone.
        now: No reminder goes before.
    """
    if not lead:
        return None
    wanted = max(starts_at - lead, now)
    shifted = quiet.release(wanted)
    if shifted == wanted or shifted <= starts_at - OF_USE:
        return shifted
    begin = quiet.began(wanted)
    before = quiet.release(max(begin - AHEAD_OF_QUIET, now))
    if before < begin:
        return before
    return shifted if shifted < starts_at else None
