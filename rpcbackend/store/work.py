"""One unit of work: the repositories over one transaction, the events and the audit it leaves."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeVar, overload

from rpcbackend.ids import Ids
from rpcbackend.store.api_keys import ApiKeys
from rpcbackend.store.audit import Audit, Command
from rpcbackend.store.branches import Branches
from rpcbackend.store.cached_answers import CachedAnswers
from rpcbackend.store.calendars import Calendars
from rpcbackend.store.changes import Changes
from rpcbackend.store.claims import Claims
from rpcbackend.store.consents import Consents
from rpcbackend.store.credentials import Credentials
from rpcbackend.store.due import DueMessages
from rpcbackend.store.events import Events
from rpcbackend.store.feeds import Feeds
from rpcbackend.store.guesses import Guesses
from rpcbackend.store.idempotency import IdempotencyKeys
from rpcbackend.store.instructors import Instructors
from rpcbackend.store.jobs import Jobs
from rpcbackend.store.latest import LatestTime
from rpcbackend.store.lessons import Lessons
from rpcbackend.store.measurements import Measurements
from rpcbackend.store.message import TAG, channels_of
from rpcbackend.store.notices import Notices
from rpcbackend.store.outbox import Outbox
from rpcbackend.store.outgoing import Outgoing
from rpcbackend.store.payments import Payments
from rpcbackend.store.providers import Providers
from rpcbackend.store.reminders import Reminders
from rpcbackend.store.schedules import Schedules
from rpcbackend.store.sealed import Sealed
from rpcbackend.store.sessions import Sessions
from rpcbackend.store.sight import EVERYTHING, Sight
from rpcbackend.store.students import Students
from rpcbackend.store.templates import Templates
from rpcbackend.store.transaction import Transaction
from rpcbackend.store.users import Users
from rpcbackend.store.vehicles import Vehicles
from rpcbackend.store.waiting import Waiting
from rpcbackend.store.webhooks import Webhooks

T = TypeVar("T")
S = TypeVar("S")
R = TypeVar("R")


def _no_key() -> bytes | None:
    raise RuntimeError("whoever runs this unit did not say which key its secrets are under")


class Work:
    """What a unit of work is given.

    Args:
        tx: Its transaction.
        now_ms: When it runs, in milliseconds since the epoch: one instant for the whole unit.
        ids: Makes the ids of new records.
        actor: Who does it.
        sight: What of it he may see.
        key: Returns the store's key, which its secrets are sealed under.
    """

    def __init__(
        self,
        tx: Transaction,
        *,
        now_ms: int,
        ids: Ids,
        actor: str,
        sight: Sight = EVERYTHING,
        key: Callable[[], bytes | None] = _no_key,
    ) -> None:
        self.tx = tx
        self.now_ms = now_ms
        self.actor = actor
        self.sight = sight
        self.access_version = 0
        """How many changes of who may come in stand before it; see `Store`."""
        self._ids, self._key = ids, key

    @property
    def now(self) -> datetime:
        """When the unit runs, UTC."""
        return datetime.fromtimestamp(self.now_ms / 1000, UTC)

    def new_id(self, prefix: str) -> str:
        """Return the id of a new record."""
        return self._ids.new(prefix)

    def whole(self) -> "Work":
        """Return the same unit with nothing hidden, for what the program looks up by itself."""
        return Work(self.tx, now_ms=self.now_ms, ids=self._ids, actor=self.actor, key=self._key)

    @overload
    async def together(
        self, first: Coroutine[Any, Any, T], second: Coroutine[Any, Any, S], /
    ) -> tuple[T, S]: ...

    @overload
    async def together(
        self,
        first: Coroutine[Any, Any, T],
        second: Coroutine[Any, Any, S],
        third: Coroutine[Any, Any, R],
        /,
    ) -> tuple[T, S, R]: ...

    async def together(self, *units: Coroutine[Any, Any, Any]) -> tuple[Any, ...]:
        """Look up or write what needs nothing of each other; see `Transaction.together`."""
        return tuple(await self.tx.together(*units))

    async def record(
        self, event_type: str, aggregate: tuple[str, str, int], data: Mapping[str, Any]
    ) -> None:
        """Leave an event: it is published once the unit is durable.

        Args:
            event_type: Such as `lessons.booked`.
            aggregate: Type, id and version of the record it is about.
            data: Ids and times, never names.
        """
        await self.events.append(
            id=self.new_id("evt"),
            type=event_type,
            at_ms=self.now_ms,
            actor=self.actor,
            aggregate=aggregate,
            data=data,
        )

    async def audited(self, unit: Callable[["Work"], Awaitable[T]], command: Command) -> T:
        """Run *unit* and leave a row of the audit: who did what, and what it changed."""
        self.tx.changes = changes = Changes()
        result = await unit(self)
        await self.audit.append(command, at_ms=self.now_ms, actor=self.actor, changes=changes)
        return result

    @property
    def channels_out(self) -> list[str]:
        """The channels of the outbox that this unit has queued messages for."""
        return channels_of(self.tx.touched) if TAG in self.tx.touched else []

    # These two remember what they left.

    @cached_property
    def audit(self) -> Audit:
        """Who did what."""
        return Audit(self.tx)

    @cached_property
    def events(self) -> Events:
        """The stream."""
        return Events(self.tx, self.sight)

    # Any other repository holds nothing but its transaction, so each is made when it is asked for:
    # to make all of them cost every read 3 µs.

    @property
    def api_keys(self) -> ApiKeys:
        """The API keys."""
        return ApiKeys(self.tx)

    @property
    def branches(self) -> Branches:
        """The branches."""
        return Branches(self.tx)

    @property
    def cached_answers(self) -> CachedAnswers:
        """What was asked most, and its answers."""
        return CachedAnswers(self.tx)

    @property
    def calendars(self) -> Calendars:
        """The calendar."""
        return Calendars(self.tx, self.sight)

    @property
    def claims(self) -> Claims:
        """Who and what is busy."""
        return Claims(self.tx, self.sight)

    @property
    def consents(self) -> Consents:
        """What students agreed to and refused."""
        return Consents(self.tx)

    @property
    def credentials(self) -> Credentials:
        """Passwords and one-time codes."""
        return Credentials(self.tx)

    @property
    def feeds(self) -> Feeds:
        """The calendars that other programs read."""
        return Feeds(self.tx, self.sight)

    @property
    def guesses(self) -> Guesses:
        """How many wrong passwords came from where."""
        return Guesses(self.tx)

    @property
    def idempotency_keys(self) -> IdempotencyKeys:
        """Replies that are kept."""
        return IdempotencyKeys(self.tx)

    @property
    def instructors(self) -> Instructors:
        """The instructors."""
        return Instructors(self.tx, self.sight)

    @property
    def jobs(self) -> Jobs:
        """The jobs."""
        return Jobs(self.tx)

    @property
    def latest_time(self) -> LatestTime:
        """The latest time that certainly was."""
        return LatestTime(self.tx)

    @property
    def lessons(self) -> Lessons:
        """The lessons."""
        return Lessons(self.tx, self.sight)

    @property
    def measurements(self) -> Measurements:
        """How well the process served."""
        return Measurements(self.tx)

    @property
    def notices(self) -> Notices:
        """What services told."""
        return Notices(self.tx, self.now_ms)

    @property
    def outbox(self) -> Outbox:
        """What goes to the world outside."""
        return Outbox(self.tx, self.now_ms, self.new_id)

    @property
    def due(self) -> DueMessages:
        """What of it may be sent now."""
        return DueMessages(self.tx, self.now_ms)

    @property
    def schedules(self) -> Schedules:
        """What runs by itself."""
        return Schedules(self.tx)

    @property
    def outgoing(self) -> Outgoing:
        """The same, as the desk sees it."""
        return Outgoing(self.tx, self.now_ms)

    @property
    def payments(self) -> Payments:
        """The payments by links."""
        return Payments(self.tx)

    @property
    def providers(self) -> Providers:
        """Who carries what goes outside."""
        return Providers(self.tx, self.sealed)

    @property
    def sealed(self) -> Sealed:
        """The secrets that have to be used again."""
        return Sealed(self.tx, self._key)

    @property
    def reminders(self) -> Reminders:
        """When students are reminded of their lessons."""
        return Reminders(self.tx)

    @property
    def sessions(self) -> Sessions:
        """The sessions."""
        return Sessions(self.tx)

    @property
    def students(self) -> Students:
        """The students."""
        return Students(self.tx, self.sight)

    @property
    def templates(self) -> Templates:
        """The school's own templates."""
        return Templates(self.tx)

    @property
    def users(self) -> Users:
        """The users."""
        return Users(self.tx)

    @property
    def vehicles(self) -> Vehicles:
        """The vehicles."""
        return Vehicles(self.tx)

    @property
    def webhooks(self) -> Webhooks:
        """Where events go."""
        return Webhooks(self.tx, self.now_ms, self.sealed)

    @property
    def waiting(self) -> Waiting:
        """What of the outbox is about the same cause."""
        return Waiting(self.tx, self.now_ms)
