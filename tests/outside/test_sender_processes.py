"""What several processes that serve one school promise of its messages: one sends, each once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from rpcbackend.store import Place, Store, open_server_store, postgres_neighbours
from rpcbackend.store.postgres import PostgresEngine
from rpcbackend.testing import FrozenClock
from tests.outside.carrying import Desk, Hosts, sending
from tests.store.test_outbox import rows_in

pytestmark = pytest.mark.postgresql

KEYS = [f"key {number}" for number in range(40)]


class Offices:
    """Processes of one school, and what carries their messages."""

    def __init__(self, stack: AsyncExitStack, place: Place, clock: FrozenClock) -> None:
        self._stack, self._place, self._clock = stack, place, clock
        self.hosts = Hosts()

    async def open(self) -> Desk:
        """Begin a process; the first one leads."""
        store = await open_server_store(self._place, clock=self._clock)
        self._stack.push_async_callback(store.close)
        return await self._stack.enter_async_context(sending(store, self._clock, self.hosts))


@pytest.fixture
async def offices(
    schools: Iterator[Place], clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Offices]:
    """A school that nobody serves yet; who is gone is noticed soon."""
    monkeypatch.setattr(postgres_neighbours, "LOOK_SECONDS", 0.01)
    async with AsyncExitStack() as stack:
        yield Offices(stack, next(schools), clock)


def engine_of(desk: Desk) -> PostgresEngine:
    assert isinstance(desk.store.engine, PostgresEngine)
    return desk.store.engine


async def epoch_in(store: Store) -> int:
    row = await store.read(
        lambda work: work.tx.one("SELECT epoch FROM outbox_epochs WHERE school_id = :school")
    )
    assert row is not None
    return int(row["epoch"])


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 (there is no event for it)
            # Lets the processes go on.
            await asyncio.sleep(0)


async def lose_connection(desk: Desk, by: Desk) -> None:
    """End, at the server, the connection by which a process leads."""
    connection = engine_of(desk).neighbours._connection  # noqa: SLF001 (what is to be lost)
    assert connection is not None
    pid = connection.get_server_pid()
    await by.store.read(lambda work: work.tx.one("SELECT pg_terminate_backend(:pid)", pid=pid))


async def test_whatever_process_queues_it_the_one_that_leads_sends_it_once(
    offices: Offices,
) -> None:
    leads, other = await offices.open(), await offices.open()
    await leads.add()

    await leads.queue(*KEYS[::2])
    await other.queue(*KEYS[1::2])

    await leads.until_state("sent", *KEYS)
    assert len(set(offices.hosts["one"].received)) == len(offices.hosts["one"].tries) == 40
    assert await epoch_in(leads.store) == 1


async def test_news_of_another_process_wake_the_one_that_leads(offices: Offices) -> None:
    leads, other = await offices.open(), await offices.open()
    await leads.add()
    await leads.turn()

    # Leaves no event, as nothing tells of what is only queued.
    await other.queue("a")

    await leads.until_state("sent", "a")
    assert len(offices.hosts["one"].tries) == 1


async def test_when_the_one_that_leads_ends_another_goes_on_and_sends_nothing_twice(
    offices: Offices,
) -> None:
    leads, other = await offices.open(), await offices.open()
    await leads.add()
    await leads.queue(*KEYS)
    await until(lambda: len(offices.hosts["one"].received) > 8)

    await leads.sender.close()
    await leads.store.close()

    await other.until_state("sent", *KEYS)
    assert len(set(offices.hosts["one"].received)) == len(offices.hosts["one"].tries) == 40
    assert await epoch_in(other.store) == 2


async def test_what_a_dead_leader_had_leased_is_taken_over_by_the_next_one(
    offices: Offices,
) -> None:
    leads, other = await offices.open(), await offices.open()
    host = offices.hosts["one"]
    host.holds = asyncio.Event()
    await leads.add()
    await leads.queue("a")
    await host.came.wait()
    host.came.clear()

    await leads.store.close()
    await host.came.wait()

    host.holds.set()
    await other.until_state("sent", "a")
    # Nobody could know whether it had arrived; the receiver knows it by its id.
    assert len(host.tries) == 2
    assert len(set(host.tries)) == 1


async def test_a_leader_that_loses_its_connection_for_a_moment_sends_nothing_twice(
    offices: Offices,
) -> None:
    leads = await offices.open()
    host = offices.hosts["one"]
    host.holds = asyncio.Event()
    await leads.add()
    await leads.queue("a")
    await host.came.wait()
    neighbours = engine_of(leads).neighbours
    before = neighbours._connection  # noqa: SLF001 (what is lost)

    await lose_connection(leads, by=leads)
    await until(lambda: neighbours._connection not in (before, None))  # noqa: SLF001 (as above)
    await leads.queue("b")
    await leads.turn()

    host.holds.set()
    await leads.until_state("sent", "a", "b")
    assert len(host.tries) == len(set(host.tries)) == 2
    assert await epoch_in(leads.store) == 1


async def test_who_stood_still_after_it_had_leased_does_not_send_what_another_one_sent(
    offices: Offices, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped between the lease and its first byte, for longer than it can lead unheard."""
    hangs, other = await offices.open(), await offices.open()
    host, write = offices.hosts["one"], hangs.store.write
    await hangs.add()

    async def write_and_hang(*given: Any, **how: Any) -> Any:
        done = await write(*given, **how)
        if getattr(done, "leases", None):
            await lose_connection(hangs, by=other)
            await other.until_state("sent", "a")
            clock.advance(9)
        return done

    monkeypatch.setattr(hangs.store, "write", write_and_hang)
    await hangs.queue("a")
    await other.until_state("sent", "a")
    await hangs.turn()
    await hangs.turn()

    assert len(host.tries) == len(host.received) == 1


async def test_who_only_thinks_that_it_leads_sends_nothing(offices: Offices) -> None:
    leads, other = await offices.open(), await offices.open()
    offices.hosts["one"].holds = asyncio.Event()
    await leads.add()
    await leads.queue("a")
    await offices.hosts["one"].came.wait()

    engine_of(other).neighbours.is_leader = True
    await other.queue("b")
    await other.turn()

    offices.hosts["one"].holds.set()
    await leads.until_state("sent", "a", "b")
    tries = offices.hosts["one"].tries
    assert sorted(tries) == [row["id"] for row in await rows_in(leads.store)]
    assert await epoch_in(leads.store) == 1


async def test_who_leads_no_more_marks_what_it_had_sent_and_leases_nothing(
    offices: Offices,
) -> None:
    one = await offices.open()
    host = offices.hosts["one"]
    host.holds = asyncio.Event()
    await one.add()
    await one.queue("a")
    await host.came.wait()

    # As while the server is asked again whether it may lead.
    neighbours = engine_of(one).neighbours
    neighbours._look = one.turn  # type: ignore[method-assign]  # noqa: SLF001 (it does not look)
    neighbours.is_leader = False
    await one.queue("b")
    host.holds.set()

    await one.until_state("sent", "a")
    assert (await one.states())["b"] == "queued"
    assert len(host.tries) == 1
