"""The one loop of a process that sends: leases what is due, hands it over, marks what came of it.

It sleeps while nothing is due: a commit that queues something wakes it, and a time that comes. What
it does to the store is one unit at a time, beside the desk's (docs/adr/0039-the-sender.md).
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from loguru import logger

from rpcbackend.clock import Clock
from rpcbackend.outside.behind import Behind
from rpcbackend.outside.channels import Carriers, Channels
from rpcbackend.outside.delays import Delays
from rpcbackend.outside.delivery import Delivery, Later, Outcome, Unbegun
from rpcbackend.outside.ends import End
from rpcbackend.outside.rests import Rests
from rpcbackend.outside.retold import facts_of
from rpcbackend.outside.rounds import Done, Due, Round, look
from rpcbackend.outside.traffic import Traffic
from rpcbackend.outside.waits import Waits
from rpcbackend.rpc_error import RpcError
from rpcbackend.schema.steps import CarryFacts
from rpcbackend.steps import Step, Steps
from rpcbackend.store import TEST_TEMPLATE, Lease, Store

ACTOR = "sender"

FIRST_SECONDS = 0.5
"""After a start the window asks for what it shows; that goes first."""

SOON_SECONDS = 0.05
"""After a commit: its answer goes first, and others may queue more."""

LOOK_SECONDS = 60.0
"""How often the clock is looked at while something waits for its time: a machine may sleep."""

RETRY_SECONDS = 30.0
"""After the store could not be written: a full disk is not emptied at once."""

TRUST_SECONDS = 8.0
"""What was leased longer ago is not begun: whoever stood still so long may lead no more, and
another process may have sent it (`rpcbackend.store.postgres_neighbours`)."""

STOP_SECONDS = 2.0
"""How long what is on its way may take when the process ends."""


class Sender:
    """Sends what is in the outbox of one store at a time.

    Args:
        channels: What carries which channel; none sends nothing.
        clock: Tells the time.
        random: Draws waits; gives numbers from 0 up to, and without, 1.
        first_seconds: How long a store that was opened is left alone.
        steps: Takes what it does to the store.
    """

    def __init__(
        self,
        channels: Channels,
        *,
        clock: Clock,
        random: Callable[[], float],
        first_seconds: float = FIRST_SECONDS,
        steps: Steps | None = None,
    ) -> None:
        self._steps = steps or Steps()
        self._clock, self._first_seconds = clock, first_seconds
        self._carriers = Carriers(channels)
        self._waits = Waits(random)
        self.delays = Delays(clock, self._waits)
        """Which channels wait."""
        self._behind, self._rests = Behind(), Rests(clock)
        self.on_turn: list[Callable[[], None]] = []
        """Called when it has done what was to do, and waits."""
        self._epoch = 0
        self._flying: dict[str, tuple[Lease, asyncio.Task[None]]] = {}
        self._ends: list[End] = []
        self._wake = asyncio.Event()
        self._is_new = True
        """Whether another one may have sent until now."""
        self._is_stale = True
        """Whether something may have been queued, or decided, since the store was looked at."""
        self._due = Due()
        self._loop: asyncio.Task[None] | None = None
        self._turning = asyncio.Lock()
        """Held while it is done what is to do."""
        self._store: Store | None = None

    def welcome(self, store: Store) -> None:
        """Send what is in a store that was opened, in the place of the one before."""
        self._stop()
        # What an older number had leased is taken over: in a restored store that is all.
        self._store, self._epoch = store, 0
        self._behind.forget()
        self._rests.forget()
        self._is_new = self._is_stale = True
        self._loop = asyncio.get_running_loop().create_task(self._run(store))

    def hurry(self) -> None:
        """Try now what waits for a host to be reached again."""
        self.delays.hurry()
        self._rests.hurry()
        self._wake.set()

    def look(self) -> None:
        """Look at the clock and the store now."""
        self._is_stale = True
        self._wake.set()

    async def close(self, seconds: float = STOP_SECONDS) -> None:
        """Lease no more, let end what is on its way, and mark it; before the store closes.

        What does not end in time may have arrived: it counts as a try, and is tried again.
        """
        await self._end(seconds)
        tasks = [task for _, task in self._flying.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.wait(tasks)
        if self._ends and self._store is not None:
            try:
                await self._write(self._store, self._round(self._store))
            except Exception as error:  # noqa: BLE001 (the next process takes over what is left)
                logger.bind(error=str(error)).warning("what was sent could not be marked")
        await self._carriers.close()

    async def _end(self, seconds: float) -> None:
        """End the loop, but not amid a turn: only then what it marks and leases is known."""
        loop = self._loop
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._turning:
                self._stop()
        self._stop()
        if loop is not None:
            await asyncio.wait([loop])

    def _stop(self) -> None:
        if self._loop is not None:
            self._loop.cancel()
            self._loop = None

    async def _run(self, store: Store) -> None:
        def wake() -> None:
            self._is_stale = True
            self._wake.set()

        store.on_outgoing.append(wake)
        if store.engine.is_shared:
            # Others queue, too, and one of them sent until now.
            store.on_commit.append(wake)
            store.on_lead.append(wake)
        try:
            await asyncio.sleep(self._first_seconds)
            while True:
                self._wake.clear()
                async with self._turning:
                    wait = await self._try(store)
                for told in list(self.on_turn):
                    told()
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._wake.wait()
                if self._is_stale and not self._ends:
                    await asyncio.sleep(SOON_SECONDS)
        finally:
            store.on_outgoing.remove(wake)
            if store.engine.is_shared:
                store.on_commit.remove(wake)
                store.on_lead.remove(wake)

    async def _try(self, store: Store) -> float | None:
        """Do what is to do, and return how long nothing else will be; None until it is woken."""
        try:
            return await self._turn(store)
        except Exception as error:  # noqa: BLE001 (it goes on, and what is queued stays so)
            self._is_stale = True
            logger.bind(error=str(error) or type(error).__name__).warning(
                "the outbox could not be looked at"
            )
            return RETRY_SECONDS

    async def _turn(self, store: Store) -> float | None:
        if not store.engine.is_leader:
            await self._stand_by(store)
            return None
        if self._rests.lift() or self._is_stale:
            await self._look(store)
        if self._is_new and self._due.is_leased:
            # By one that sent before, and is gone: it waits again.
            await self._write(store, self._round(store, takes_over=True))
        traffic = Traffic(self._carriers, self.delays, self._rests, self._flying_of)
        room = traffic.room(self._due, self._clock.now_ms())
        tests_of = traffic.tests(self._due)
        if self._ends or room or tests_of:
            await self._write(store, self._round(store, room=room, tests_of=tests_of))
        if (room or tests_of) and not self._epoch:
            # It only thinks that it leads, and will soon know.
            self._is_stale = True
            return RETRY_SECONDS
        if traffic.room(self._due, self._clock.now_ms()).keys() - room.keys():
            # What has just been marked made room, or waits again.
            self._wake.set()
        wait = traffic.wait(self._due, self._clock.now_ms())
        return None if wait is None else min(wait, LOOK_SECONDS)

    async def _look(self, store: Store) -> None:
        self._is_stale = False
        self._due, are_new = await look(store, self._carriers, self._rests.all())
        if are_new:
            self.delays.hurry()
        for channel in self._carriers.channels:
            self.delays.switch(channel, is_on=self._carriers.is_on(channel))

    async def _stand_by(self, store: Store) -> None:
        """Let another process of the school send, until this one leads and is woken.

        What was on its way here is marked, where the other one has not taken it over already.
        """
        self._is_stale = self._is_new = True
        if self._ends:
            await self._write(store, self._round(store))
        self.delays.forget()
        self._behind.forget()
        self._rests.forget()

    def _flying_of(self, channel: str) -> int:
        """Count the messages of a channel that are on their way."""
        return sum(lease.message.channel == channel for lease, _ in self._flying.values())

    # A unit of work, and what it leases

    def _round(
        self,
        store: Store,
        *,
        room: dict[str, int] | None = None,
        tests_of: Sequence[str] = (),
        takes_over: bool = False,
    ) -> Round:
        ends, self._ends = self._ends, []
        return Round(
            epoch=self._epoch,
            leads=store.engine.others.leads,
            held=set(self._flying),
            ends=ends,
            room=room or {},
            tests_of=tests_of,
            takes_over=takes_over,
            behind=self._behind.of(room or ()),
            to_one=self._carriers.bounds,
            resting=self._rests.all(),
            channels=self._carriers.channels,
            providers=self._carriers.known,
        )

    async def _write(self, store: Store, round_: Round) -> None:
        asked_at = self._clock.monotonic()
        try:
            done = await self._steps.take(store, step_of(round_))
        except BaseException:
            self._ends = round_.ends + self._ends
            raise
        self._epoch, self._due = done.epoch, done.due
        if done.has_put_off:
            self._wake.set()
        if round_.begins:
            self._is_new = not done.epoch
        for lease in done.leases:
            channel = lease.message.channel
            self._behind.take(channel, lease.id)
            if lease.message.template != TEST_TEMPLATE:
                self.delays.probe(channel)
            task = asyncio.get_running_loop().create_task(self._carry(lease, asked_at))
            self._flying[lease.id] = lease, task

    async def _carry(self, lease: Lease, asked_at: float) -> None:
        delivery = Delivery(lease, partial(self._note, lease))
        outcome: Outcome | None = None
        try:
            if self._clock.monotonic() - asked_at < TRUST_SECONDS:
                outcome = await delivery.run(self._carriers.of(lease.message))
            else:
                outcome = Unbegun()
        except Exception as bug:  # noqa: BLE001 (one message must not stop all others)
            logger.bind(message=lease.id, error=type(bug).__name__).opt(exception=bug).error(
                "a way to the outside failed"
            )
            outcome = Later("it could not be sent: a bug", via=delivery.via)
        finally:
            self._flying.pop(lease.id, None)
            if outcome is None:
                outcome = Later("the program ended while it was sent", 0.0, delivery.via)
            end = End.of(lease, outcome, self._waits)
            end.weigh(self.delays, self._behind, self._rests)
            self._ends.append(end)
            self._wake.set()

    async def _note(self, lease: Lease, provider_id: str) -> bool:
        """Note who is about to be given a message, unless the store cannot be written."""
        store = self._store
        assert store is not None  # noqa: S101 (the lease is from one)
        try:
            return await self._steps.take(store, step_of_note(lease, provider_id))
        except RpcError:
            return False


def step_of(round_: Round) -> Step[Done]:
    """Return a round as what the process does by itself."""
    return Step(name="send", actor=ACTOR, run=round_.run, facts=lambda: facts_of(round_))


def step_of_note(lease: Lease, provider_id: str) -> Step[bool]:
    """Return what notes who is about to be given a message."""
    message_id, epoch, number = lease.place
    facts = CarryFacts(message_id=message_id, epoch=epoch, lease=number, provider_id=provider_id)
    return Step(
        name="carry",
        actor=ACTOR,
        run=lambda work: work.outbox.carry(lease, provider_id),
        facts=lambda: facts,
    )
