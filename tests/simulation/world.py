"""One simulated world: everything wired together under a seed, run to its end, and judged."""

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from loguru import logger

from rpcbackend.schema.limits import Limits
from rpcbackend.store import driver, lane, sqlite
from rpcbackend.store.files import FILE_NAME
from rpcbackend.surroundings import Surroundings
from tests.simulation.backend import Backend
from tests.simulation.client import Client
from tests.simulation.desk import Desk
from tests.simulation.disk import Disk
from tests.simulation.history import History, ViolationError
from tests.simulation.journal import Journal
from tests.simulation.loop import OUTSIDE, SimulatedLoop, name_of
from tests.simulation.proof import events_for_all, prove, prove_sound
from tests.simulation.school import found_school, found_users
from tests.simulation.threads import Threads
from tests.simulation.weather import Chances, Weather

CLIENTS, FOLLOWERS = 20, 3
START_MS = 1_795_420_800_000
"""Monday 2026-11-23, 08:00 UTC."""

PROOF_SECONDS = 30.0
"""How often everything is proved while the clients go on."""

REST_SECONDS = 60
"""How long everybody may take to catch up once nothing goes wrong any more."""

REST_ROUNDS = 60
"""A commit may still be at it: the slowest disk, in its worst moment, takes many minutes."""

LONGEST_SECONDS = 24 * 3600.0
"""No world lasts longer; a livelock would."""

CHECKPOINT_BYTES = 64 * 1024
"""The log is folded in this early, so that crashes meet checkpoints too."""


@dataclass(slots=True)
class WallClock:
    """The clock on the wall, which somebody may set; elapsed time is the loop's."""

    loop: SimulatedLoop
    offset_ms: int = 0

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch, UTC."""
        return START_MS + self.offset_ms + round(self.loop.time() * 1_000)

    def monotonic(self) -> float:
        """Seconds since the beginning of the world."""
        return self.loop.time()


class World:
    """A backend, its weather and its clients.

    Args:
        seed: Decides everything.
        folder: Takes the files of the processes.
        actions: What each client does before it leaves.
        tell: Gets every line of the trace.
    """

    def __init__(
        self, seed: int, folder: Path, actions: int, tell: Callable[[str], None] | None = None
    ) -> None:
        self.seed, self.actions = seed, actions
        self.proofs = 0
        self.failures: list[BaseException] = []
        self.loop = SimulatedLoop(self.bits("loop"))
        self.journal = Journal(self.loop.time, tell)
        self.clock = WallClock(self.loop)
        self.history, self.chances = History(), Chances(self.bits("chances"))
        self.disk = Disk(self.bits("disk"), self.journal)
        self.threads = Threads(self.loop, self.disk, self.bits("threads"))
        self.backend = Backend(folder, self.loop, self.threads, self.journal, self.bits("backend"))
        self._wire()

    def bits(self, name: str) -> random.Random:
        """Return a source of its own for a part: what one draws changes nothing for the others."""
        return random.Random(f"{self.seed} {name}")  # noqa: S311 (a seed, no secret)

    def _wire(self) -> None:
        bits, ids, secrets = self.bits("limits"), self.bits("ids"), self.bits("secrets")
        records = self.bits("records")
        self._has_users = bits.random() < 0.5
        self.backend.limits = Limits(
            # Each connection is a sign-in, and connections are lost all the time.
            auth_per_minute=1_000,
            in_flight=bits.choice((1, 4, 256)),
            queued=bits.choice((3, 1_024)),
            batch_at_once=bits.choice((1, 16)),
        )
        self.disk.pace = bits.choice((0.05, 0.2, 0.5))
        self.disk.on_crash, self.disk.on_failure = self.backend.kill, self.backend.note_failed_sync
        self.backend.on_up = self.prove
        # Shared by all processes: the system's randomness does not begin again with each of them.
        self.backend.make_outside = lambda: Surroundings(
            clock=self.clock,
            bits=ids,
            record_bits=records,
            random_bytes=secrets.randbytes,
            report_bug=lambda bug, _: self.failures.append(bug),
        )
        self.loop.set_exception_handler(self._fail)

    def _fail(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:  # noqa: ARG002 (asyncio's order)
        self.failures.append(context.get("exception") or ViolationError(context["message"]))

    def prove(self, directory: Path) -> None:
        """Prove what holds at any instant."""
        if (directory / FILE_NAME).exists():
            prove(directory, self.history)
            self.proofs += 1

    def run(self) -> None:
        """Run it to its end.

        Raises:
            ViolationError: A promise was broken; whatever else is raised is a bug, too.
        """
        with _patched(self):
            self.loop.run_until_complete(self._main())
        if self.failures:
            raise self.failures[0]
        prove_sound(self.backend.directory)

    def close(self) -> None:
        """Let go of everything, whatever state it is in."""
        self.backend.kill()
        self.loop.kill(OUTSIDE)
        self.loop.close()

    async def _main(self) -> None:
        async with asyncio.timeout(LONGEST_SECONDS), asyncio.TaskGroup() as group:
            helpers = [group.create_task(self.backend.supervise(), name="supervisor")]
            clients = await self._open()
            weather = Weather(
                self.chances, self.disk, self.backend, self.bits("weather"), self._jump
            )
            self.chances.is_fair = False
            helpers += [
                group.create_task(weather.blow(), name="weather"),
                group.create_task(self._prove_now_and_then(), name="proofs"),
            ]
            await asyncio.gather(*(client.live(self.actions) for client in clients))
            await self._come_to_rest(clients)
            for helper in helpers[1:]:
                helper.cancel()
            await self._leave(clients)

    async def _open(self) -> list[Client]:
        """Make the school, and the clients."""
        first = Desk("setup", self.backend, self.history, self.chances)
        logins = await found_users(first, CLIENTS) if self._has_users else [None] * CLIENTS
        school = await found_school(first)
        first.hang_up()
        await asyncio.sleep(REST_SECONDS)
        self._tasks_at_first = self._tasks()
        clients = []
        for number, login in enumerate(logins, start=1):
            desk = Desk(f"client {number:02}", self.backend, self.history, self.chances)
            desk.login = login
            if number <= FOLLOWERS:
                await desk.follow()
            clients.append(
                Client(
                    desk,
                    self.history,
                    school,
                    chances=self.chances,
                    clock=self.clock,
                    bits=self.bits(desk.name),
                )
            )
        return clients

    def _jump(self, milliseconds: int) -> None:
        self.clock.offset_ms += milliseconds
        self.journal.note("clock", f"jumps by {milliseconds} ms")

    def _tasks(self) -> list[str]:
        """Name what the process does by itself, without being asked."""
        life = self.backend.life
        return sorted(map(name_of, self.loop.tasks_of(life.number))) if life else []

    async def _prove_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(PROOF_SECONDS)
            if self.failures:
                raise self.failures[0]
            if self.backend.life is not None:
                self.prove(self.backend.directory)

    async def _come_to_rest(self, clients: list[Client]) -> None:
        """Wait until every subscriber has all events."""
        self.chances.is_fair = True
        self.disk.calm()
        desks = [client.desk for client in clients]
        for _ in range(REST_SECONDS):
            for desk in desks:
                await desk.call("ping", {})
            events = events_for_all(self.backend.directory)
            late = [desk.name for desk in desks if desk.seen not in (None, events)]
            if not late:
                return
            await asyncio.sleep(1)
        raise ViolationError(f"{late} never got all of {len(events)} events, each once")

    async def _leave(self, clients: list[Client]) -> None:
        """Hang up everywhere, and see that the process is as it was before (I9)."""
        for client in clients:
            client.desk.hang_up()
        for _ in range(REST_ROUNDS):
            await asyncio.sleep(REST_SECONDS)
            restless = await self._restless()
            if restless is None:
                break
        else:
            raise ViolationError(f"{restless} (I9)")
        await self.backend.stop()
        if self.backend.ends[-1] != 0:
            raise ViolationError(f"an orderly end came to {self.backend.ends[-1]}")
        prove(self.backend.directory, self.history)

    async def _restless(self) -> str | None:
        """Tell what is still going on in the process, if anything is."""
        life = self.backend.life
        if life is None:
            raise ViolationError("nothing was wrong any more, and no process serves")
        health = life.context.run(lambda: life.app.health(deep=False, report=lambda *_: None))
        told = await self.loop.create_task(health, context=life.context)
        tasks = self._tasks()
        if (told.in_flight, told.queued, tasks) == (0, 0, self._tasks_at_first):
            return None
        return f"{told.in_flight} calls, {told.queued} wait, {tasks}"


@contextmanager
def _patched(world: World) -> Iterator[None]:
    """Put the simulation in the place of threads, and of the clock that the engine gives lanes."""
    places: list[tuple[Any, str, Any]] = [
        (driver, "Thread", world.threads.hire),
        (sqlite, "Lane", partial(lane.Lane, now=world.loop.time)),
        (sqlite, "CHECKPOINT_BYTES", CHECKPOINT_BYTES),
        (sqlite, "BUSY_CHECKPOINT_BYTES", 2 * CHECKPOINT_BYTES),
    ]
    before = [getattr(module, name) for module, name, _ in places]
    for module, name, value in places:
        setattr(module, name, value)
    logger.disable("rpcbackend")
    try:
        yield
    finally:
        logger.enable("rpcbackend")
        for (module, name, _), value in zip(places, before, strict=True):
            setattr(module, name, value)
