"""What a plain model knows of students, their lessons, and what is to be said to them."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from rpcbackend.outside.delivery import Given, Later, Outcome, Refused, Sent
from rpcbackend.outside.hours import quiet_until_ms
from rpcbackend.outside.waits import Waits
from rpcbackend.store import Lease, Work
from rpcbackend.store.outbox import MAX_ATTEMPTS

CARRIER = "prv_1"
"""The only one there is."""

OUTCOMES: dict[str, Outcome] = {
    "sent": Sent("ref"),
    "busy": Later("busy", 120.0),
    "unknown": Later("no answer in time", via=CARRIER),
    "away": Given("cannot be reached", 30.0),
    "refused": Refused("no such user"),
}
TROUBLE = ["", *(how for how in OUTCOMES if how != "sent")]
"""The others; nothing is to be on its way for longer."""

WAITS = Waits(lambda: 0.5)


@dataclass(slots=True)
class Student:
    """What the model knows of somebody."""

    id: str
    address: dict[str, str | None]
    said: dict[str, bool] = field(default_factory=lambda: {"mail": True, "sms": False})
    """What he agrees to: at first what is usual."""

    def way(self) -> str | None:
        """Return by which way he is told of his lessons now, if he is."""
        return next((way for way in ("sms", "mail") if self.said[way] and self.address[way]), None)


@dataclass(slots=True, eq=False)
class Waiting:
    """A message that is to go to somebody."""

    way: str
    at: datetime
    until: datetime
    """From then on it is of no use."""
    state: Literal["queued", "sending", "failed", "sent", "over"] = "queued"
    tries: int = 0
    may_have_arrived: bool = False
    """Whether a try of it failed, or nobody knows what came of it."""
    via: str | None = None
    """Who may have it."""

    @property
    def is_unread(self) -> bool:
        """Whether the student surely knows nothing of it."""
        return self.state == "queued" and not self.tries and not self.may_have_arrived

    def come_back(self, lease: Lease, outcome: Outcome, now: datetime) -> None:
        """Wait again, or be given up."""
        wait: float | None = None
        match outcome:
            case Given(_, asked) if self.via:
                wait, self.may_have_arrived = max(asked or 0.0, WAITS.to_ask(lease.number)), True
            case Later(_, asked, via):
                wait, self.via = WAITS.to_try(lease.attempt, asked), via or self.via
                self._fail(lease.attempt)
            case Refused():
                self._fail(MAX_ATTEMPTS)
        self.state = "failed" if self.tries >= MAX_ATTEMPTS else "queued"
        if self.state == "queued" and wait is not None:
            self.at = now + timedelta(milliseconds=round(wait * 1_000))

    def lose(self, *, is_wanted: bool) -> None:
        """Wait again if it is wanted, or be given up, since who sent it is gone."""
        if not is_wanted:
            self.state = "over"
            return
        self._fail(self.tries + 1)
        self.via = CARRIER
        self.state = "failed" if self.tries >= MAX_ATTEMPTS else "queued"

    def retry(self, now: datetime) -> int | None:
        """Begin at once by hand, and tell whether that changes anything; None if it is refused."""
        if self.state == "failed":
            if self.until <= now:
                return None
            self.state, self.tries, self.at, self.via = "queued", 0, now, None
            return 1
        if self.state == "sending" or not self.tries:
            return 0
        before = self.at, self.via
        self.at, self.via = min(self.at, now), None
        return int(before != (self.at, self.via))

    def _fail(self, tries: int) -> None:
        self.tries, self.may_have_arrived = tries, True


@dataclass(slots=True)
class Lesson:
    """What the model knows of a lesson."""

    id: str
    student: Student
    starts_at: datetime
    teacher: str
    is_off: bool = False
    due_at: datetime | None = None
    """When he is to be reminded, as long as he was not."""
    reminder: Waiting | None = None
    news: Waiting | None = None
    """That it was moved or changed, or is off."""
    occasion: str = ""
    """Which of these."""
    told: tuple[datetime, str] | None = None
    """Start and teacher as far as the student knows who has not read the news."""
    reminders: list[tuple[datetime, Waiting]] = field(default_factory=list)
    """Those that have been on their way, with the start that they were about."""

    @property
    def known(self) -> tuple[datetime, str] | None:
        """The same, while he surely has not read the news."""
        return self.told if self.news and self.news.is_unread else None

    def reminded(self) -> set[datetime]:
        """Return the starts that he was reminded of, or just is."""
        return {start for start, sent in self.reminders if sent.state in ("sending", "sent")}

    def waiting(self) -> Iterator[tuple[str, Waiting]]:
        """Go through what is to go out, by its occasion."""
        if self.reminder:
            yield "lesson_reminder", self.reminder
        if self.news:
            yield self.occasion, self.news

    def drop(self, message: Waiting) -> None:
        """Let a message wait no more."""
        if message is self.reminder:
            self.reminder = None
        elif message is self.news:
            self.news = self.told = None

    def messages(self) -> list[Waiting]:
        """Return all that may still go out."""
        return [message for _, message in self.waiting()]


@dataclass(slots=True, eq=False)
class Flying:
    """A message on its way."""

    lease: Lease
    lesson: Lesson
    message: Waiting
    """As long as it is one of the lesson's: else it was withdrawn meanwhile."""

    def end(self, outcome: Outcome, now: datetime) -> set[str]:
        """Let it arrive, or not, and return the states that it may be in from then on."""
        message = self.message
        if isinstance(outcome, Sent):
            message.state = "sent"
            self.lesson.drop(message)
        elif message in self.lesson.messages():
            message.come_back(self.lease, outcome, now)
        else:
            # It is tried no more; if it was refused, that is what it says.
            message.state = "over"
            is_last = isinstance(outcome, Later) and self.lease.attempt >= MAX_ATTEMPTS
            return {"failed" if is_last or isinstance(outcome, Refused) else "cancelled"}
        return {message.state}


async def take(work: Work, held: Collection[str]) -> list[tuple[Lease, bool]]:
    """Lease what is due as the sender does that has these, and tell of each whether it goes now."""
    done = []
    await work.outbox.take_back(held)
    await work.outbox.drop_late()
    epoch, room = await work.outbox.begin_epoch(), {"mail": 99, "sms": 99}
    for lease in await work.due.lease(epoch, held=held, room=room):
        until_ms = quiet_until_ms(lease.message, work.now_ms)
        if until_ms is None:
            await work.outbox.carry(lease, CARRIER)
        else:
            await work.outbox.give_back(lease, until_ms)
        done.append((replace(lease, carrier=CARRIER), until_ms is None))
    return done
