"""The calendar: calendar.view."""

from rpcbackend.context import Context
from rpcbackend.dispatch.kept import Kept
from rpcbackend.dispatch.registry import method
from rpcbackend.domain.spans import check_span
from rpcbackend.errors import LimitExceededError
from rpcbackend.schema.base import Encoded
from rpcbackend.schema.calendars import MAX_DAYS, CalendarView, ViewCalendar
from rpcbackend.security.roles import Permission

AREA = "calendar"
"""The module is named in the plural because the standard library owns the singular."""


@method(
    "calendar.view",
    permission=Permission.LESSONS_READ,
    errors=(LimitExceededError,),
    kept=Kept("calendar", "lessons", "instructors", "students", "vehicles"),
)
async def view(ctx: Context, params: ViewCalendar) -> Encoded[CalendarView]:
    """Return everything that is busy between two instants, ready to draw."""
    check_span(params.from_, params.to, max_days=MAX_DAYS)
    return await ctx.read(lambda work: work.calendars.view(params))
