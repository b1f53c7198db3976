"""Rule A2: a stream of commands that arrive again and again leaves what it leaves once."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from rpcbackend.app import Application
from rpcbackend.methods import build_registry
from rpcbackend.store import Store
from rpcbackend.store.digest import state_hash
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, FrozenClock
from tests.clauses import clause
from tests.factories import School, keyed
from tests.machine import FixedBits
from tests.methods.commands import COMMANDS, EXAMPLES, open_stage
from tests.properties.desk import KINDS, NUMBERS, Desk, Step

# Every command

METHODS = {method.channel: method for method in build_registry()}
NATURAL = [channel for channel in COMMANDS if METHODS[channel].idempotency == "natural"]
STORED = [channel for channel in COMMANDS if METHODS[channel].may_repeat]
KEEPS_NO_REPLY = {"auth.logout", "keys.rekey"}
"""Natural ones: a key changes nothing there."""

TOLD_ONCE = {
    "apikeys.create": ("secret",),
    "feeds.create": ("token", "path"),
    "webhooks.save": ("secret",),
}
"""The only secrets among all of them (docs/adr/0017-once.md)."""


@clause("idempotency-once")
@pytest.mark.parametrize("channel", sorted(set(STORED) - KEEPS_NO_REPLY))
async def test_a_command_delivered_again_by_its_key_leaves_the_store_as_it_is(
    tmp_path: Path, clock: FrozenClock, channel: str
) -> None:
    async with open_stage(tmp_path, clock) as stage:
        params = await EXAMPLES[channel](stage) | keyed("again")
        first = await stage.client.call_with_meta(channel, params)
        # A job goes on after its reply.
        await stage.app.jobs.ended(first.get("jobId", ""))
        # So do webhooks.
        await stage.app.ways.fanout.caught_up()
        left = await state_hash(stage.app.store)
        clock.advance(1)

        second = await stage.client.call_with_meta(channel, params)

        assert await state_hash(stage.app.store) == left
    assert "replayed" not in first.pop("_meta")
    assert second.pop("_meta")["replayed"] is True
    assert second == first | dict.fromkeys(TOLD_ONCE.get(channel, ()))


@clause("idempotency-natural")
@pytest.mark.parametrize("channel", NATURAL)
async def test_a_natural_command_delivered_again_without_a_key_leaves_all_records_as_they_are(
    tmp_path: Path, clock: FrozenClock, channel: str
) -> None:
    async with open_stage(tmp_path, clock) as stage:
        params = await EXAMPLES[channel](stage)
        await stage.client.call(channel, **params)
        left = await records_in(stage.app.store)
        clock.advance(1)

        await stage.client.start(channel, params)

        assert await records_in(stage.app.store) == left


async def records_in(store: Store) -> dict[str, list[Any]]:
    """Return all rows but those of the audit: it tells of every call."""

    async def unit(work: Any) -> dict[str, list[Any]]:
        tables = await work.tx.all(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN"
            " ('audit', 'migrations')"
        )
        return {
            name: [tuple(row) for row in await work.tx.all(f"SELECT * FROM {name}")]  # noqa: S608 (our own names)
            for (name,) in tables
        }

    return await store.read(unit)


# Streams of them


@dataclass(frozen=True, slots=True)
class Wish:
    """A command, and how often more than once it is delivered."""

    step: Step
    at_once: int
    """Copies beside the first, while that one runs."""
    late: tuple[int, ...]
    """After how many more wishes a copy comes again."""
    restarts: bool
    """Whether the process is another one from then on."""


WISHES = some.lists(
    some.builds(
        Wish,
        some.builds(
            Step,
            some.sampled_from(KINDS),
            NUMBERS,
            some.integers(0, 40),
            some.just(dict[str, Any]()),
        ),
        some.integers(0, 3),
        some.lists(some.integers(0, 6), max_size=3).map(tuple),
        some.sampled_from([False, False, False, True]),
    ),
    min_size=1,
    max_size=12,
)


class Run:
    """One run of a stream: time passes with every wish, and ids follow from the time alone."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._clock = directory, FrozenClock()
        self._outside = Surroundings(clock=self._clock, bits=FixedBits(), record_bits=FixedBits())
        self._calls: list[tuple[str, dict[str, Any]]] = []

    async def start(self) -> None:
        """Make the school."""
        await self._begin()
        self._desk = Desk(self._clients[0], await School(self._clients[0]).open())

    async def _begin(self) -> None:
        self._app = Application(self._directory, self._outside)
        await self._app.boot()
        await self._app.open_store()
        self._clients = [Client(self._app), Client(self._app)]

    async def restart(self) -> None:
        """Let another process go on."""
        await self._app.close()
        await self._begin()

    async def deliver(self, step: Step, times: int) -> list[Any]:
        """Send the next command so often at once, on two connections, and return the replies."""
        self._clock.advance(1)
        self._calls.append(self._desk.call(step))
        replies = await self.send(len(self._calls) - 1, times)
        if step.kind == "book" and "result" in replies[0]:
            self._desk.lessons.append(replies[0]["result"]["lesson"]["id"])
        return replies

    async def send(self, number: int, times: int = 1) -> list[Any]:
        """Send a command that was delivered before."""
        channel, params = self._calls[number]
        params = params | keyed(f"wish {number}")
        sent = [self._clients[copy % 2].start(channel, params) for copy in range(times)]
        async with asyncio.timeout(30):
            return [await reply for reply in sent]

    async def end(self) -> str:
        """Close, and return the hash of all that there is."""
        left = await state_hash(self._app.store)
        await self._app.close()
        return left


async def run_once(directory: Path, wishes: list[Wish]) -> tuple[list[Any], str]:
    """Deliver each command once, and return the replies and what is left."""
    run = Run(directory)
    await run.start()
    replies = [content(reply) for wish in wishes for reply in await run.deliver(wish.step, 1)]
    return replies, await run.end()


async def run_often(directory: Path, wishes: list[Wish], once: list[Any]) -> tuple[Any, str]:
    """Deliver with all copies; return replies that are others than *once*, and what is left.

    What was refused comes again only at once: later it is a try of its own, and may succeed.
    """
    run, late = Run(directory), defaultdict[int, list[int]](list)
    others: list[Any] = []
    await run.start()
    for number, wish in enumerate(wishes):
        took_effect = "error" not in once[number]
        replies = await run.deliver(wish.step, 1 + wish.at_once)
        assert sum(is_first(reply) for reply in replies) == took_effect
        others += [reply for reply in replies if content(reply) != once[number]]
        if wish.restarts:
            await run.restart()
        for wait in wish.late if took_effect else ():
            late[number + wait].append(number)
        # Those that left first come last.
        for again in reversed(late.pop(number, [])):
            others += [reply for reply in await run.send(again) if content(reply) != once[again]]
    for again in [number for numbers in late.values() for number in numbers]:
        others += [reply for reply in await run.send(again) if content(reply) != once[again]]
    return others, await run.end()


def is_first(reply: Any) -> bool:
    """Tell whether the reply comes from the effect itself."""
    return "result" in reply and "replayed" not in reply["result"]["_meta"]


def content(reply: Any) -> Any:
    """Return a reply without what belongs to its delivery alone."""
    if "error" in reply:
        data = {**reply["error"]["data"], "correlationId": None}
        return {"error": {**reply["error"], "data": data}}
    return {name: value for name, value in reply["result"].items() if name != "_meta"}


@clause("idempotency-stream")
@settings(max_examples=40)
@given(wishes=WISHES)
async def test_a_stream_with_any_duplicates_leaves_and_answers_what_it_does_once(
    wishes: list[Wish],
) -> None:
    with TemporaryDirectory() as made:
        once, left = await run_once(Path(made) / "once", wishes)

        others, left_again = await run_often(Path(made) / "often", wishes, once)

    assert others == []
    assert left_again == left
