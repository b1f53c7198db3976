"""For any day at any desk: with kept answers everybody is told what he would be told without.

Two applications are given the same commands and questions by the same people, one keeps answers
and one keeps none; records, times and ids are the same in both. Answers and refusals are compared
whole, but for what only the one tells (`rev`). A client that is told `notModified` takes the answer
that it was given with that `rev`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from rpcbackend.app import Application
from rpcbackend.config import CacheSettings
from rpcbackend.jobs import warmer as warmer_module
from rpcbackend.schema.limits import Limits
from rpcbackend.schema.users import Role
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, FrozenClock, running_app
from tests.callers import add_caller, add_session, connected, make_session
from tests.factories import School, an_id
from tests.properties.desk import METAS, NUMBERS, Desk, Step
from tests.store.gate import restore_under_way

PEOPLE = {
    1: Role.OWNER,
    2: Role.OFFICE,
    3: Role.INSTRUCTOR,
    4: Role.STUDENT,
    5: Role.ACCOUNTANT,
    6: Role.INSTRUCTOR,
}
"""Number 6 is linked to nobody, until he is."""

DAY = {"from": "2026-11-24T00:00:00Z", "to": "2026-11-25T00:00:00Z"}
KINDS = [
    *("branch", "instructor", "vehicle", "student", "update", "transition"),
    *("book", "book", "book", "cancel", "cancel"),
]


@dataclass(frozen=True, slots=True)
class Ask:
    """One question by one of the people, perhaps with the `rev` that he has."""

    who: int
    question: int
    has_rev: bool


@dataclass(frozen=True, slots=True)
class Command:
    """One command by one of the people."""

    who: int
    step: Step


@dataclass(frozen=True, slots=True)
class Burst:
    """A command and questions that arrive at once; only what comes after them is compared."""

    command: Command
    questions: list[Ask]


@dataclass(frozen=True, slots=True)
class Link:
    """Somebody is given another role, or is somebody else from now on."""

    who: int
    role: Role
    person: int


@dataclass(frozen=True, slots=True)
class Restore:
    """A command and a question that a restore takes back."""

    command: Command
    question: Ask


@dataclass(frozen=True, slots=True)
class Restart:
    """Another process over the same store."""


WHO = some.sampled_from(sorted(PEOPLE))
ASKS = some.builds(Ask, WHO, some.integers(0, 20), some.booleans())
STEPS = some.builds(Step, some.sampled_from(KINDS), NUMBERS, some.integers(0, 40), METAS)
# Mostly by those who may.
COMMANDS = some.builds(Command, some.sampled_from([1, 1, 1, 2, 3, 4, 5]), STEPS)
RARE = [
    some.builds(Link, some.sampled_from([3, 4, 6]), some.sampled_from(Role), NUMBERS),
    some.builds(Restore, COMMANDS, ASKS),
    some.just(Restart()),
]
BURSTS = some.builds(Burst, COMMANDS, some.lists(ASKS, max_size=4))
# By weight: commands are what makes an answer old, and a process does not end every minute.
DAYS = some.lists(
    some.sampled_from([*[COMMANDS] * 12, *[ASKS] * 6, *[BURSTS] * 4, *RARE]).flatmap(
        lambda chosen: chosen
    ),
    min_size=10,
    max_size=30,
)


@dataclass
class Half:
    """One of the two applications, and what its clients know."""

    folder: Path
    cache: CacheSettings
    starts: int = 0
    clock: FrozenClock = field(default_factory=FrozenClock)
    clients: dict[int, Client] = field(default_factory=dict)
    known: dict[tuple[int, str], dict[str, Any]] = field(default_factory=dict)
    """The last answer to each question of each of the people."""

    @asynccontextmanager
    async def process(self) -> AsyncIterator[Application]:
        """Run one process; what is random is the same in each half."""
        self.starts += 1
        self.clock.advance(60)
        bits, record_bits = (Random(self.starts * sign) for sign in (1, -1))  # noqa: S311 (ids)
        surroundings = Surroundings(clock=self.clock, bits=bits, record_bits=record_bits)
        limits = Limits(query_per_second=1_000, command_per_second=1_000)
        async with running_app(
            self.folder, surroundings, limits=limits, cache=self.cache
        ) as self.app:
            await self.app.open_store()
            if self.app.caching.warmer is not None:
                await self.app.caching.warmer.ready.wait()
            self.clients = {who: connected(self.app, make_session(who)) for who in PEOPLE}
            yield self.app

    async def sign_in(self) -> None:
        """Sign everybody in, for the first time or after a restore."""
        for who in PEOPLE:
            await add_session(self.app.store, who)

    async def ask(self, who: int, channel: str, params: dict[str, Any], *, has_rev: bool) -> Any:
        """Return what somebody knows once he has asked."""
        key = who, orjson.dumps([channel, params]).decode()
        known = self.known.get(key)
        if has_rev and known and "rev" in known["_meta"]:
            params = params | {"_meta": {"ifRev": known["_meta"]["rev"]}}
        reply = await self.clients[who].start(channel, params)
        if "error" in reply:
            return refusal(reply)
        result = reply["result"]
        if "notModified" in result["_meta"]:
            assert known is not None
            assert set(result) == {"_meta"}
            assert result["_meta"]["rev"] == known["_meta"]["rev"]
            result = known | result
        self.known[key] = result
        return {**result, "_meta": result["_meta"]["seq"]}


def refusal(reply: dict[str, Any]) -> dict[str, Any]:
    """Return an error without what tells it from all others."""
    error: dict[str, Any] = reply["error"]
    return {**error, "data": {**error["data"], "correlationId": None}}


class Pair:
    """The two applications and the desk whose commands they are given."""

    def __init__(self, folder: Path) -> None:
        self.halves = [
            Half(folder / "kept", CacheSettings()),
            Half(folder / "plain", CacheSettings(bytes=0)),
        ]
        self._stack = AsyncExitStack()

    async def open(self) -> None:
        """Make the school and its people."""
        await self.start()
        schools = [await School(Client(half.app)).open() for half in self.halves]
        self.school = schools[0]
        self.desk = Desk(Client(self.halves[0].app), self.school)
        assert vars(schools[0]) | {"_client": 0} == vars(schools[1]) | {"_client": 0}
        linked = {3: self.school.instructor["id"], 4: self.school.student["id"]}
        for half in self.halves:
            for who, role in PEOPLE.items():
                await add_caller(half.app.store, who, role, linked_person_id=linked.get(who))
            await half.sign_in()

    async def start(self) -> None:
        """Start both processes."""
        for half in self.halves:
            await self._stack.enter_async_context(half.process())

    async def stop(self) -> None:
        """End both processes."""
        await self._stack.aclose()

    def question(self, number: int) -> tuple[str, dict[str, Any]]:
        """Return one of the questions of a desk."""
        student, instructor = self.school.student["id"], self.school.instructor["id"]
        lesson = self.desk.lessons[number % len(self.desk.lessons)] if self.desk.lessons else None
        all_ = {"resourceTypes": ["vehicle", "student", "instructor"]}
        questions: list[tuple[str, dict[str, Any]]] = [
            ("calendar.view", DAY),
            ("calendar.view", DAY | all_),
            ("calendar.view", DAY | all_ | {"branchId": self.school.branch["id"]}),
            ("calendar.view", DAY | {"to": "2026-11-24T12:00:00Z"} | all_),
            ("lessons.list", {}),
            ("lessons.list", {"studentId": student, "limit": 2}),
            ("lessons.list", {"instructorId": instructor, "state": "booked"}),
            ("lessons.get", {"lessonId": lesson or an_id("les")}),
            ("lessons.get", {"lessonId": lesson or an_id("les")}),
            ("students.get", {"studentId": student}),
            ("students.get", {"studentId": an_id("stu")}),
            ("students.list", {}),
            ("students.list", {"text": "ada", "limit": 1}),
            ("students.list", {"state": "active"}),
            ("instructors.list", {}),
            ("instructors.list", {"state": "active"}),
            ("vehicles.list", {}),
            ("branches.list", {}),
            # Answers of this one are not kept, and refusals never are.
            ("users.list", {}),
            ("lessons.get", {"lessonId": an_id("les", 2)}),
            ("lessons.list", {"cursor": "none"}),
        ]
        return questions[number]

    async def both(self, run: Any) -> list[Any]:
        """Do the same in both, one after the other."""
        return [await run(half) for half in self.halves]

    async def ask(self, ask: Ask) -> None:
        """Ask both, and compare."""
        channel, params = self.question(ask.question)
        kept, plain = await self.both(
            lambda half: half.ask(ask.who, channel, params, has_rev=ask.has_rev)
        )
        assert kept == plain

    async def ask_all(self) -> None:
        """Let everybody ask everything."""
        for who in PEOPLE:
            for question in range(21):
                await self.ask(Ask(who, question, has_rev=bool(question % 2)))

    async def command(self, command: Command) -> None:
        """Send a command to both, and compare."""
        channel, params = self.desk.call(command.step)
        call = params | {"_meta": command.step.meta}
        kept, plain = await self.both(lambda half: half.clients[command.who].start(channel, call))
        self.compare(command, kept, plain)

    def compare(self, command: Command, kept: dict[str, Any], plain: dict[str, Any]) -> None:
        """Compare two replies to a command, and remember what was booked."""
        if "error" in kept:
            assert refusal(kept) == refusal(plain)
            return
        assert kept == plain
        result = kept["result"]
        if command.step.kind == "book" and "dryRun" not in command.step.meta:
            self.desk.lessons.append(result["lesson"]["id"])

    async def burst(self, burst: Burst) -> None:
        """Send a command and questions at once."""
        channel, params = self.desk.call(burst.command.step)
        call = params | {"_meta": burst.command.step.meta}
        questions = [(ask.who, self.question(ask.question)) for ask in burst.questions]

        async def run(half: Half) -> dict[str, Any]:
            # Before it and behind it: some see what was, and some what is then.
            early = [half.clients[who].start(*asked) for who, asked in questions]
            done = half.clients[burst.command.who].start(channel, call)
            late = [half.clients[who].start(*asked) for who, asked in questions]
            await asyncio.gather(*early, *late)
            return await done

        self.compare(burst.command, *await self.both(run))

    async def link(self, link: Link) -> None:
        """Make somebody another one."""
        person = {
            Role.INSTRUCTOR: self.school.instructor["id"],
            Role.STUDENT: self.school.student["id"],
        }.get(link.role)
        linked = person if link.person % 2 else None
        await self.both(
            lambda half: add_caller(half.app.store, link.who, link.role, linked_person_id=linked)
        )

    async def restore(self, restore: Restore) -> None:
        """Go back to before a command."""
        channel, params = self.desk.call(restore.command.step)
        question = self.question(restore.question.question)

        async def run(half: Half) -> None:
            half.clock.advance(60)
            async with restore_under_way(half.app):
                await half.clients[1].start(channel, params)
                await half.ask(1, *question, has_rev=False)
            await half.sign_in()

        await self.both(run)

    async def run(self, step: Any) -> None:
        """Take one step."""
        match step:
            case Ask():
                await self.ask(step)
            case Command():
                await self.command(step)
            case Burst():
                await self.burst(step)
            case Link():
                await self.link(step)
            case Restore():
                await self.restore(step)
            case Restart():
                await self.stop()
                await self.start()


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(day=DAYS)
async def test_kept_answers_are_those_that_would_be_given_anyway(day: list[Any]) -> None:
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr(warmer_module, "FIRST_SECONDS", 0)
        pair = Pair(Path(folder))
        await pair.open()
        try:
            # All of them before as well: what is kept then must not outlive the day.
            await pair.ask_all()
            for step in day:
                await pair.run(step)
            await pair.ask_all()
        finally:
            await pair.stop()
