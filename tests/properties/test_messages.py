"""Rule A7 under random days at the desk: what students are told, against a plain model of it."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any

from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from rpcbackend.app import Application
from rpcbackend.domain.quiet import quiet_hours
from rpcbackend.domain.reminders import reminder_at
from rpcbackend.jobs.reminders import look
from rpcbackend.notices.reminders import ASK_AGAIN
from rpcbackend.outside.ends import End
from rpcbackend.schema.base import format_instant
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, FrozenClock
from tests.clauses import clause
from tests.factories import School, at, create_student, save_instructor
from tests.notices.outbox import outbox_of, planned_in
from tests.properties.saying import (
    OUTCOMES,
    TROUBLE,
    WAITS,
    Flying,
    Lesson,
    Student,
    Waiting,
    take,
)

LEAD, QUIET = timedelta(days=1), quiet_hours("Europe/Berlin", "21:00", "08:00")
STEP = timedelta(minutes=45)
"""Between two starts, so that there are some at every hour of the day."""

WHO, WHICH, WHEN = some.integers(0, 1), some.integers(0, 20), some.integers(1, 160)
CHANNELS = some.sampled_from(["mail", "sms"])


class Desk(RuleBasedStateMachine):
    """A small school, somebody who sends its messages, and the model of both."""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._clock, self._bugs = FrozenClock(), list[Exception]()
        self._lessons: dict[str, Lesson] = {}
        self._sent = Counter[str]()
        self._flying: list[Flying] = []
        self._ids: dict[str, tuple[Lesson, Waiting]] = {}
        """The messages that have been on their way, by their ids."""
        self._run(self._open())

    def _run(self, work: Any) -> Any:
        return self._runner.run(work)

    async def _open(self) -> None:
        bugs = self._bugs
        surroundings = Surroundings(clock=self._clock, report_bug=lambda bug, _: bugs.append(bug))
        self._app = Application(None, surroundings)
        await self._app.boot()
        await self._app.open_store()
        self._client = Client(self._app)
        school = await School(self._client).open()
        branch = school.branch["id"]
        other = await save_instructor(self._client, branch)
        self._teachers = [school.instructor["id"], other["id"]]
        self._students = []
        for number, phone in enumerate((None, "+4915112345678")):
            address = {"mail": f"{number}@example.org", "sms": phone}
            made = await create_student(
                self._client, branch, email=address["mail"], phone=address["sms"]
            )
            self._students.append(Student(made["id"], address))

    def _call(self, channel: str, /, **params: Any) -> Any:
        try:
            return self._run(self._client.call(channel, **params))
        except CallFailedError as refused:
            # Somebody is busy then, or it is over.
            expected = ("CONFLICT_", "TIME_IN_PAST", "INVALID_TRANSITION")
            assert refused.symbol.startswith(expected)  # noqa: PT017 (which one, is no matter)
            return None

    @property
    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_ms() / 1_000, UTC)

    def _start(self, when: int) -> datetime:
        return self._now.replace(minute=0, second=0, microsecond=0) + when * STEP

    def _lesson(self, which: int) -> Lesson:
        return list(self._lessons.values())[which % len(self._lessons)]

    # What the model expects

    def _plan(self, lesson: Lesson) -> None:
        """Decide when the student is reminded; what is left of a second does not count."""
        due_at = reminder_at(lesson.starts_at, LEAD, QUIET, self._now)
        lesson.due_at = due_at.replace(microsecond=0) if due_at else None

    def _message(self, lesson: Lesson, until: datetime) -> Waiting | None:
        """Return what is to go to a student now, if he can have it before that."""
        way, when = lesson.student.way(), QUIET.release(self._now)
        return Waiting(way, when, until) if way and when < until else None

    def _tell(
        self, lesson: Lesson, occasion: str, known: tuple[datetime, str], until: datetime
    ) -> None:
        lesson.news, lesson.occasion = self._message(lesson, until), occasion
        lesson.told = known if lesson.news else None

    # At the desk

    @initialize(days=some.lists(some.integers(1, 4), min_size=1, max_size=3, unique=True))
    def begin(self, days: list[int]) -> None:
        """Book lessons at this hour of the days to come."""
        for day in days:
            self.book(day % 2, day * 32, 0)

    @rule(who=WHO, when=WHEN, teacher=WHO)
    def book(self, who: int, when: int, teacher: int) -> None:
        """Book a lesson, if all have time."""
        student = self._students[who]
        booked = self._call(
            "lessons.book",
            studentId=student.id,
            instructorId=self._teachers[teacher],
            startsAt=format_instant(self._start(when)),
            durationMinutes=30,
        )
        if booked:
            lesson = Lesson(
                booked["lesson"]["id"], student, self._start(when), self._teachers[teacher]
            )
            self._lessons[lesson.id] = lesson
            self._plan(lesson)

    @precondition(lambda self: self._lessons)
    @rule(which=WHICH, when=WHEN, teacher=WHO)
    def move(self, which: int, when: int, teacher: int) -> None:
        """Move a lesson, if it can be."""
        lesson = self._lesson(which)
        old = lesson.starts_at, lesson.teacher
        new = self._start(when), self._teachers[teacher]
        moved = self._call(
            "lessons.reschedule",
            lessonId=lesson.id,
            startsAt=format_instant(new[0]),
            instructorId=new[1],
        )
        if moved and new != old:
            (lesson.starts_at, lesson.teacher), lesson.reminder = new, None
            known, lesson.due_at = lesson.known or old, None
            lesson.news = lesson.told = None
            needs_reminder = new[0] not in lesson.reminded()
            if known != new:
                occasion = "lesson_changed" if known[0] == new[0] else "lesson_moved"
                self._tell(lesson, occasion, known, new[0])
                needs_reminder = new[0] - LEAD > self._now
            if needs_reminder:
                self._plan(lesson)

    @precondition(lambda self: self._lessons)
    @rule(which=WHICH, by=some.sampled_from(["student", "instructor", "school"]))
    def cancel(self, which: int, by: str) -> None:
        """Cancel a lesson that is still to come."""
        lesson = self._lesson(which)
        done = self._call("lessons.cancel", lessonId=lesson.id, by=by, reasonCode="other")
        if done and not lesson.is_off:
            known = lesson.known or (lesson.starts_at, lesson.teacher)
            lesson.is_off, lesson.due_at, lesson.reminder = True, None, None
            lesson.news = lesson.told = None
            if by != "student":
                self._tell(lesson, "lesson_cancelled", known, known[0])

    @rule(who=WHO, channel=CHANNELS, is_granted=some.sampled_from([True, True, False]), version=WHO)
    def say(self, who: int, channel: str, is_granted: bool, version: int) -> None:
        """Let a student agree or refuse."""
        student = self._students[who]
        self._call(
            "consents.set",
            studentId=student.id,
            purpose="lessons",
            channel=channel,
            isGranted=is_granted,
            source="desk",
            textVersion=str(version),
        )
        student.said[channel] = is_granted
        if not is_granted:
            self._withdraw(student, channel)

    @rule(who=WHO, channel=CHANNELS, number=some.integers(0, 2))
    def change_address(self, who: int, channel: str, number: int) -> None:
        """Let a student be reached elsewhere, or not at all."""
        student = self._students[who]
        new = [None, "1", "2"][number]
        if new:
            new = f"new{new}@example.org" if channel == "mail" else f"+4930123456{new}"
        name = {"mail": "email", "sms": "phone"}[channel]
        self._call("students.update", studentId=student.id, **{name: new})
        if new != student.address[channel]:
            student.address[channel] = new
            if new is None:
                self._withdraw(student, channel)

    def _withdraw(self, student: Student, channel: str) -> None:
        for lesson in self._lessons.values():
            for _, message in list(lesson.waiting()):
                if lesson.student is student and message.way == channel:
                    other = student.way()
                    if other and message.is_unread:
                        message.way = other
                        continue
                    if message is lesson.reminder and message.is_unread:
                        lesson.due_at = self._now.replace(microsecond=0) + ASK_AGAIN
                    lesson.drop(message)

    # Time, and whoever sends

    @rule(hours=some.sampled_from([0.01, 0.5, 2, 5, 11, 24]))
    def wait(self, hours: float) -> None:
        """Let time pass, and nobody send meanwhile."""
        self._clock.advance(hours * 3_600)

    @rule(hours=some.sampled_from([-30, -3, 3, 30]))
    def set_clock(self, hours: float) -> None:
        """Set the wall clock."""
        self._clock.set_wall(hours * 3_600)

    @rule()
    def look(self) -> None:
        """Queue what is due."""
        self._run(look(self._app.store, is_to_plan=True))
        for lesson in self._lessons.values():
            if lesson.due_at and lesson.due_at <= self._now:
                self._remind(lesson)

    def _remind(self, lesson: Lesson) -> None:
        is_over = lesson.starts_at <= self._now
        is_too_late = QUIET.release(self._now) >= lesson.starts_at
        if not is_over:
            lesson.reminder = self._message(lesson, lesson.starts_at)
        is_done = is_over or is_too_late or lesson.reminder
        lesson.due_at = None if is_done else self._now.replace(microsecond=0) + ASK_AGAIN

    @rule()
    def send(self) -> None:
        """Send all that is due, and put off what is due at night."""
        self._send(["sent"])

    @rule(hows=some.lists(some.sampled_from(TROUBLE), min_size=1, max_size=4))
    def fail(self, hows: list[str]) -> None:
        """Do the same, and let none arrive: one like this, one like that."""
        self._send(hows)

    def _send(self, hows: list[str]) -> None:
        before = len(self._flying)
        self._lease()
        for flying, how in zip(self._flying[before:], cycle(hows), strict=False):
            # Or it is on its way for longer.
            if how:
                self._end(flying, how)

    def _lease(self) -> None:
        self._lose()
        for lesson in self._lessons.values():
            for message in lesson.messages():
                if message.state == "queued" and message.until <= self._now:
                    lesson.drop(message)
        rows = {row.id: row for row in self._run(outbox_of(self._app.store))}
        held = [each.lease.id for each in self._flying]
        taken = self._app.store.write(lambda work: take(work, held), actor="sender")
        for lease, goes in self._run(taken):
            row = rows[lease.id]
            lesson = self._lessons[row.key.split("/")[2]]
            message = dict(lesson.waiting())[row.template]
            assert lease.attempt == message.tries + 1
            assert lease.message.via == message.via
            assert self._now < at(row.not_after or "")
            assert lesson.student.said[row.channel]
            if not goes:
                message.at = QUIET.release(self._now)
                continue
            assert not QUIET.are_at(self._now)
            message.state = "sending"
            if row.template == "lesson_reminder":
                lesson.reminders.append((lesson.starts_at, message))
            self._ids[lease.id] = lesson, message
            self._flying.append(Flying(lease, lesson, message))

    def _lose(self) -> None:
        """Let wait again what was on its way in a process that is gone."""
        held = [each.message for each in self._flying]
        for lesson, message in self._ids.values():
            if message.state == "sending" and message not in held:
                message.lose(is_wanted=message in lesson.messages())

    @precondition(lambda self: self._flying)
    @rule(which=WHICH, how=some.sampled_from(list(OUTCOMES)))
    def end(self, which: int, how: str) -> None:
        """Let one come to an end that was on its way: it arrives, or not."""
        self._end(self._flying[which % len(self._flying)], how)

    def _end(self, flying: Flying, how: str) -> None:
        self._flying.remove(flying)
        outcome = OUTCOMES[how]
        end = End.of(flying.lease, outcome, WAITS)
        state = self._run(self._app.store.write(end.settle, actor="sender"))

        assert state in flying.end(outcome, self._now)
        self._sent[flying.lease.id] += state == "sent"

    @rule()
    def die(self) -> None:
        """Let the process end that sends; the next one begins when it leases."""
        self._flying.clear()

    @rule()
    def retry(self) -> None:
        """Let each message be tried at once by hand, whatever has become of it."""
        for message_id, (lesson, message) in self._ids.items():
            rows = {row.id: row for row in self._run(outbox_of(self._app.store))}
            if message in lesson.messages():
                changed = message.retry(self._now)
            else:
                # It was sent, or is not wanted any more.
                changed = 0 if rows[message_id].state == "sending" else None

            done = self._call("outbox.retry", ids=[message_id], action="retry")
            assert done == (None if changed is None else {"changed": changed})

    # What always holds

    @invariant()
    def what_waits_is_what_the_model_says(self) -> None:
        """Nothing else: no second message, none without consent, none of what is off."""
        rows = self._run(outbox_of(self._app.store, "queued"))
        waits = sorted(
            (row.key.split("/")[2], row.template, row.channel, row.recipient, row.at)
            for row in rows
        )
        assert waits == sorted(
            (lesson.id, occasion, of.way, lesson.student.address[of.way], format_instant(of.at))
            for lesson in self._lessons.values()
            for occasion, of in lesson.waiting()
            if of.state == "queued"
        )
        assert not any(
            QUIET.are_at(message.at)
            for lesson in self._lessons.values()
            for message in lesson.messages()
            if message.is_unread
        )

    @invariant()
    def what_is_planned_is_what_the_model_says(self) -> None:
        """A reminder for each lesson to come, at its time."""
        planned = [one for one in self._run(planned_in(self._app.store)) if one[1]]
        assert sorted(planned) == sorted(
            (lesson.id, format_instant(lesson.due_at))
            for lesson in self._lessons.values()
            if lesson.due_at
        )

    @invariant()
    def nothing_was_sent_twice_and_nobody_reminded_twice_of_a_start(self) -> None:
        """One message for a dedupe key, one reminder for a start."""
        assert set(self._sent.values()) <= {0, 1}
        rows = self._run(outbox_of(self._app.store))
        assert len({row.key for row in rows}) == len(rows)
        reminders = Counter(
            row.key.rpartition("/")[0]
            for row in rows
            if row.state == "sent" and row.template == "lesson_reminder"
        )
        assert set(reminders.values()) <= {1}

    def teardown(self) -> None:
        """End, and see that nothing unexpected happened."""
        self._run(self._app.close())
        self._runner.close()
        assert self._bugs == []


@clause("messages-consent", "messages-quiet-hours", "messages-follow-lessons")
def test_students_are_told_what_concerns_them_once_and_only_as_they_agreed() -> None:
    run_state_machine_as_test(Desk, settings=settings(max_examples=60, stateful_step_count=40))
