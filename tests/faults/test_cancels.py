"""Cancelled at any moment, or out of time: one reply each, a true one, and nothing half done.

A cancellation comes so many turns of the loop after some request, and a deadline so many
milliseconds, that both meet calls wherever they may wait.
"""

import asyncio
import random
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest

from rpcbackend.app import Application
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, FrozenClock, running_app
from tests.clauses import clause
from tests.faults.budget import FIGURES, IS_FULL, SECONDS
from tests.faults.deeds import deeds, make_people
from tests.faults.desk import WIDE
from tests.faults.judging import look_over
from tests.machine import cancel
from tests.store.test_sqlite import is_free

SEED = 1
STORMS, REQUESTS = (12, 10_000) if IS_FULL else (1, 600)
"""How many storms in memory, and as many on disk; and the requests of each."""

AT_ONCE = 300
"""More than may run at once, so that some are cancelled in the queue."""

READS = ("students.list", "lessons.list", "branches.list", "system.health")

STOPPED = {"REQUEST_CANCELLED", "DEADLINE_EXCEEDED"}


class Storm:
    """One client whose calls are cancelled at random."""

    def __init__(self, app: Application, chance: random.Random) -> None:
        self.client = Client(app)
        self.cancels = 0
        self.ends: Counter[str] = Counter()
        self.done: set[str] = set()
        """Keys of commands that were done, as was said."""
        self.not_done: set[str] = set()
        self._chance = chance
        self._deeds = deeds()
        self._asked: list[tuple[str | None, asyncio.Future[Any]]] = []

    async def rage(self, requests: int) -> None:
        """Send requests and cancel some of them, then wait for every reply."""
        for _ in range(requests):
            self._ask()
            for _ in range(self._chance.choice((0, 0, 0, 1, 1, 2, 3, 5))):
                await asyncio.sleep(0)
            if self._chance.random() < 0.9:
                self._cancel()
            if len(self._asked) >= AT_ONCE:
                await self._hear_all()
        await self._hear_all()

    def _ask(self) -> None:
        if self._chance.random() < 0.3:
            self._start(None, self._chance.choice(READS), {"_meta": self._meta()})
        else:
            deed = next(self._deeds)
            meta = deed.params["_meta"] | self._meta()
            self._start(deed.key, deed.channel, deed.params | {"_meta": meta})

    def _start(self, key: str | None, channel: str, params: dict[str, Any]) -> None:
        self._asked.append((key, self.client.start(channel, params)))

    def _meta(self) -> dict[str, Any]:
        late = self._chance.random() < 0.2
        return {"timeoutMs": self._chance.randint(1, 20)} if late else {}

    def _cancel(self) -> None:
        # The last one mostly, or one before it: it may run, wait, be cancelled, or be long over.
        back = self._chance.choice((0, 0, 0, 1, 2, 10, 100))
        line = orjson.dumps(cancel(max(1, self.client.last_id - back)))
        self.client.server.receive(line)
        self.cancels += 1

    async def _hear_all(self) -> None:
        async with asyncio.timeout(SECONDS):
            for key, future in self._asked:
                self._hear(key, await future)
        self._asked.clear()

    def _hear(self, key: str | None, reply: Any) -> None:
        refusal = reply.get("error", {"data": {"code": "", "outcome": "committed"}})["data"]
        symbol = refusal["code"].partition("_")[0] if "CONFLICT" in refusal["code"] else None
        self.ends[symbol or refusal["code"] or "RESULT"] += 1
        assert symbol or refusal["code"] in {"", *STOPPED}, reply
        if key is not None:
            {"committed": self.done, "none": self.not_done}[refusal["outcome"]].add(key)


async def check(app: Application, storm: Storm) -> None:
    """Check that nothing is left of it but what was said."""
    assert storm.client.lines.empty(), "a second reply"
    server = storm.client.server
    assert (server.in_flight, server.queued) == (0, 0)
    found = await app.store.read(look_over)
    assert found.results.keys() == storm.done, "done and said so"
    assert not found.results.keys() & storm.not_done
    # And the next one is served.
    last = await storm.client.call("branches.list")
    assert len(last["items"]) == 1


@clause("cancel-tells-the-truth")
@pytest.mark.parametrize("place", ["memory", "disk"])
async def test_in_a_storm_of_cancels_every_call_has_one_reply_and_nothing_is_half_done(
    folder: Path, place: str
) -> None:
    cancels, ends = 0, Counter[str]()

    for number in range(STORMS):
        directory = folder / str(number) if place == "disk" else None
        async with running_app(directory, Surroundings(clock=FrozenClock()), limits=WIDE) as app:
            await app.open_store()
            await make_people(app.store)
            storm = Storm(app, random.Random(f"{SEED} {place} {number}"))  # noqa: S311 (a replayable choice)
            try:
                await storm.rage(REQUESTS)
                await check(app, storm)
            except Exception as failed:
                failed.add_note(f"seed {SEED}, storm {number}")
                raise
            # Whose look at the webhooks follows a commit, and cannot end while the loop waits here.
            await app.ways.fanout.caught_up()
            assert directory is None or is_free(directory), "inside a transaction"
        cancels += storm.cancels
        ends += storm.ends

    FIGURES.tell(f"storms of cancels, {place}", cancels=cancels, second_replies=0, **ends)
    assert ends.keys() >= {"RESULT", *STOPPED}
