"""One client and its habits: what it orders, how it retries, and what it makes of the answers."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from rpcbackend.clock import Clock
from rpcbackend.schema.base import format_instant
from tests.simulation.desk import Desk
from tests.simulation.history import Answer, History, Operation, ViolationError
from tests.simulation.reader import Reader
from tests.simulation.school import School
from tests.simulation.weather import Chances

THINK_SECONDS = 6.0
"""Between two things that somebody does, on average."""

RUSH_SECONDS, CROWD_SECONDS = 5.0, 0.01
"""Or everybody comes at once, within so little time after every full five seconds."""

RETRY_SECONDS, MOST_TRIES = 3.0, 8

SLOTS, SLOT_MINUTES = 40, 30
"""Few enough that clients want the same ones."""

STALL_SECONDS = 20.0
"""Somebody reads nothing for up to this long."""


class Client:
    """Somebody at a desk.

    Args:
        desk: Its connection.
        history: What all clients know.
        school: Whom to book.
        chances: What goes wrong on the way.
        clock: The wall clock, which everybody here shares.
        bits: Decide what it does.
    """

    def __init__(
        self,
        desk: Desk,
        history: History,
        school: School,
        *,
        chances: Chances,
        clock: Clock,
        bits: random.Random,
    ) -> None:
        self.desk, self._history, self._school = desk, history, school
        self._chances, self._clock, self._bits = chances, clock, bits
        self._reader = reader = Reader(desk, history, school, clock=clock, bits=bits)
        self._rush = bits.choice((0.1, 0.5, 0.9))
        self._operations = 0
        self._habits: dict[Callable[[], Awaitable[None]], int] = {
            self._book: 8,
            self._cancel: 3,
            self._enrol: 3,
            self._change_student: 3,
            self._send_batch: 1,
            reader.look_up_lesson: 3,
            reader.look_up_student: 2,
            reader.list_lessons: 2,
            reader.view_calendar: 2,
            reader.ping: 1,
            desk.sign_out: 1,
        }

    async def live(self, actions: int) -> None:
        """Do so many things, one after the other."""
        for _ in range(actions):
            await asyncio.sleep(self._until_next())
            if self._chances.strikes("peer does not read") and self.desk.link is not None:
                self.desk.link.stall(self._bits.uniform(0, STALL_SECONDS))
            (habit,) = self._bits.choices(list(self._habits), list(self._habits.values()))
            await habit()

    def _until_next(self) -> float:
        now = self._clock.monotonic()
        if self._bits.random() < self._rush:
            return RUSH_SECONDS - now % RUSH_SECONDS + self._bits.random() * CROWD_SECONDS
        return self._bits.expovariate(1 / THINK_SECONDS)

    # What it orders

    async def _book(self) -> None:
        if self._history.students:
            await self._carry_out("lessons.book", self._booking())
        else:
            await self._enrol()

    async def _enrol(self) -> None:
        await self._carry_out("students.create", self._student())

    async def _cancel(self) -> None:
        if self._history.lessons:
            lesson = self._bits.choice(list(self._history.lessons))
            params = {"lessonId": lesson, "by": "school", "reasonCode": "other"}
            await self._carry_out("lessons.cancel", params)

    async def _change_student(self) -> None:
        if self._history.students:
            student = self._bits.choice(self._history.students)
            params: dict[str, Any] = {"studentId": student}
            if self._bits.random() < 0.5:
                params["expectedVersion"] = self._history.versions[student]
            await self._carry_out("students.update", params)

    async def _send_batch(self) -> None:
        """Send commands and a query in one line, once."""
        count = self._bits.randint(1, 3)
        commands = [
            self._begin("students.create", self._student(), is_keyed=False) for _ in range(count)
        ]
        calls = [(one.channel, one.params) for one in commands]
        *futures, pinged = await self.desk.send([*calls, ("ping", {})], as_batch=True)
        for operation, future in zip(commands, futures, strict=True):
            self._history.note(operation, await self.desk.wait(future))
            operation.is_over = True
        await self.desk.wait(pinged)

    def _booking(self) -> dict[str, Any]:
        now = datetime.fromtimestamp(self._clock.now_ms() / 1_000, UTC)
        hour = now.replace(minute=0, second=0, microsecond=0)
        slot = self._bits.randint(2, SLOTS)
        vehicle = self._bits.choice([None, *self._school.vehicles])
        return {
            "studentId": self._bits.choice(self._history.students),
            "instructorId": self._bits.choice(self._school.instructors),
            "startsAt": format_instant(hour + timedelta(minutes=SLOT_MINUTES * slot)),
            "durationMinutes": self._bits.choice((30, 45, 90)),
        } | ({"vehicleId": vehicle} if vehicle else {})

    def _student(self) -> dict[str, Any]:
        return {"branchId": self._school.branch, "givenName": "Ada", "bornOn": "2007-12-10"}

    # How it gets it

    async def _carry_out(self, channel: str, params: dict[str, Any]) -> None:
        """Deliver a command, again and again if need be, until its fate is known or given up."""
        operation = self._begin(channel, params, is_keyed=self._bits.random() < 0.8)
        for _ in range(MOST_TRIES):
            answer = await self._deliver(operation)
            if not self._may_try_again(operation, answer):
                break
            await asyncio.sleep(self._bits.random() * RETRY_SECONDS)
        if operation.result is not None and not operation.is_dry:
            if operation.key is not None and self._bits.random() < 0.2:
                await self._deliver_again(operation)
            await self._reader.look_at(operation.result)
        operation.is_over = True

    def _begin(self, channel: str, params: dict[str, Any], *, is_keyed: bool) -> Operation:
        self._operations += 1
        tag = f"{self.desk.name} {self._operations}"
        mark = {
            "lessons.book": {"pickup": tag},
            "students.create": {"familyName": tag},
            "students.update": {"email": f"{tag.replace(' ', '.')}@example.org"},
        }
        meta: dict[str, Any] = {"idempotencyKey": tag} if is_keyed else {}
        is_dry = self._bits.random() < 0.05
        if is_dry:
            meta["dryRun"] = True
        params = params | mark.get(channel, {}) | ({"_meta": meta} if meta else {})
        key = tag if is_keyed else None
        return self._history.begin(Operation(tag, channel, params, key=key, is_dry=is_dry))

    async def _deliver(self, operation: Operation) -> Answer:
        params = operation.params
        if self._chances.strikes("tiny deadline"):
            meta = params.get("_meta", {}) | {"timeoutMs": self._bits.randint(1, 30)}
            params = params | {"_meta": meta}
        copies = 2 if operation.key and self._chances.strikes("delivered twice at once") else 1
        futures = await self.desk.send([(operation.channel, params)] * copies)
        if self._chances.strikes("cancelled"):
            await self._wait_a_moment()
            self.desk.cancel_last()
        if self._chances.strikes("connection lost before the reply"):
            await self._wait_a_moment()
            self.desk.hang_up()
        answers = [await self.desk.wait(future) for future in futures]
        if refused := {answer.symbol for answer in answers} & {"UNAUTHENTICATED", "FORBIDDEN"}:
            raise ViolationError(f"{self.desk.name} is signed in, and was told {refused}")
        for answer in answers:
            self._history.note(operation, answer)
        if self._chances.strikes("connection lost after the reply"):
            self.desk.hang_up()
        return min(answers, key=lambda answer: answer.kind != "result")

    async def _wait_a_moment(self) -> None:
        await asyncio.sleep(self._bits.choice((0.000_1, 0.001, 0.01)) * self._bits.random())

    def _may_try_again(self, operation: Operation, answer: Answer) -> bool:
        if answer.kind in ("result", "committed"):
            return False
        is_safe = operation.key is not None or answer.kind == "none"
        # Whoever cancelled, or was in too much of a hurry, may still want it.
        wants = answer.is_retryable or answer.symbol == "REQUEST_CANCELLED"
        return is_safe and wants and self._bits.random() < 0.9

    async def _deliver_again(self, operation: Operation) -> None:
        """Deliver once more what was acknowledged: the stored answer comes, and nothing else."""
        answer = await self._deliver(operation)
        is_refused = answer.kind == "none" and not answer.is_retryable
        if is_refused and answer.symbol != "REQUEST_CANCELLED":
            raise ViolationError(f"{operation.tag} was done, and is refused {answer.symbol}")
        if answer.kind == "result" and "replayed" not in answer.result.get("_meta", {}):
            raise ViolationError(f"{operation.tag} was done, and is done again (I2)")
