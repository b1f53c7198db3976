"""What the engine keeps on a server: one writer a school, lost connections, and other processes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from rpcbackend.dispatch.flight import Started
from rpcbackend.errors import (
    SchemaTooNewError,
    ServerDatabaseError,
    ShuttingDownError,
    UnavailableError,
)
from rpcbackend.store import (
    Command,
    Place,
    Store,
    Work,
    open_server_store,
    postgres_connections,
    postgres_neighbours,
    postgres_writer,
)
from rpcbackend.store.catalog import Shape, shapes
from rpcbackend.store.driver import IntegrityError
from rpcbackend.store.migrations import MigrationChangedError, latest_version, load
from rpcbackend.store.postgres_connections import Server
from rpcbackend.store.postgres_schema import LOCK
from tests.cutting import wire_to
from tests.factories import store_in
from tests.postgres import Cluster

pytestmark = pytest.mark.postgresql


@pytest.fixture
async def store(place: Place) -> AsyncIterator[Store]:
    """It, opened by one process."""
    async with opened(place) as store:
        yield store


@pytest.fixture
async def other(place: Place) -> AsyncIterator[Store]:
    """The same, opened by another process."""
    async with opened(place) as store:
        yield store


@asynccontextmanager
async def opened(place: Place) -> AsyncIterator[Store]:
    store = await open_server_store(place)
    try:
        yield store
    finally:
        await store.close()


async def leave(work: Work) -> None:
    await work.record("x.y", ("a", "b", 1), {})


async def count_events(work: Work) -> int:
    return await work.events.head_seq()


async def seqs_after(store: Store, after: int) -> tuple[int, list[int]]:
    async def unit(work: Work) -> list[int]:
        rows = await work.tx.all(
            "SELECT seq FROM events WHERE school_id = :school AND seq > :after ORDER BY seq",
            after=after,
        )
        return [row["seq"] for row in rows]

    seqs = await store.read(unit)
    return (seqs[-1] if seqs else after), seqs


# One writer


async def test_a_stream_that_many_write_is_read_in_its_order_without_a_gap(
    place: Place, store: Store
) -> None:
    """A number that came to be seen behind a greater one would be skipped by who reads on."""
    seen: list[int] = []

    async def follow() -> None:
        while len(seen) < 4 * 60:
            _, seqs = await seqs_after(store, seen[-1] if seen else 0)
            seen.extend(seqs)

    async def write(process: Store) -> None:
        for _ in range(20):
            await asyncio.gather(*(process.write(leave, actor="tests") for _ in range(3)))

    async with (
        opened(place) as one,
        opened(place) as two,
        opened(place) as three,
        asyncio.timeout(30),
        asyncio.TaskGroup() as group,
    ):
        group.create_task(follow())
        for process in (one, two, three, store):
            group.create_task(write(process))

    assert seen == list(range(1, 4 * 60 + 1))


async def test_what_a_unit_has_read_holds_until_its_own_commit(store: Store, other: Store) -> None:
    async def add_one(work: Work) -> None:
        before = await work.latest_time.get()
        await asyncio.sleep(0)
        await work.latest_time.note(before + 1, most=10_000)

    async with asyncio.timeout(30):
        await asyncio.gather(
            *(
                process.write(add_one, actor="tests")
                for _ in range(50)
                for process in (store, other)
            )
        )

    assert await store.read(lambda work: work.latest_time.get()) == 100


async def test_schools_do_not_wait_for_each_other_and_see_nothing_of_each_other(
    place: Place, store: Store
) -> None:
    holds, goes_on = asyncio.Event(), asyncio.Event()

    async def hold(work: Work) -> None:
        await leave(work)
        holds.set()
        await goes_on.wait()

    neighbour = replace(place, school=place.school + 1_000_000)
    async with opened(neighbour) as beside, asyncio.timeout(30):
        holding = asyncio.create_task(store.write(hold, actor="tests"))
        await holds.wait()
        await beside.write(leave, actor="tests")
        assert await beside.read(count_events) == 1
        goes_on.set()
        await holding

        assert await store.read(count_events) == 1


async def test_those_who_wait_share_a_commit_and_one_that_fails_hurts_no_other(
    store: Store,
) -> None:
    async def fail(work: Work) -> None:
        await leave(work)
        raise LookupError

    units = [leave, fail, leave, fail, leave]
    ends = await asyncio.gather(
        *(store.write(unit, actor="tests") for unit in units), return_exceptions=True
    )

    assert [type(end) for end in ends] == [type(None), LookupError] * 2 + [type(None)]
    assert await store.read(count_events) == 3
    assert store.engine.writer.facts().sizes[5] == 1


async def test_a_process_that_hangs_within_a_transaction_holds_up_no_other_for_long(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped there it kept the school's lock for a minute, and all others were told OVERLOADED."""
    monkeypatch.setattr(postgres_writer, "HANGING_SECONDS", 1)
    begun, wakes, runs = asyncio.Event(), asyncio.Event(), 0

    async def hang(work: Work) -> None:
        nonlocal runs
        runs += 1
        await leave(work)
        begun.set()
        await wakes.wait()

    async with opened(place) as hangs, opened(place) as other:
        hanging = asyncio.create_task(hangs.write(hang, actor="tests"))
        await begun.wait()

        await other.write(leave, actor="tests")
        wakes.set()
        await hanging

        assert (runs, await other.read(count_events)) == (2, 2)


async def test_a_dry_run_sees_its_own_changes_and_leaves_none(store: Store) -> None:
    async def unit(work: Work) -> int:
        await leave(work)
        return await count_events(work)

    alone = await store.write(unit, actor="tests", keep=False)
    _, beside = await asyncio.gather(
        store.write(leave, actor="tests"), store.write(unit, actor="tests", keep=False)
    )

    assert (alone, beside) == (1, 2)
    assert await store.read(count_events) == 1


async def test_a_unit_that_goes_on_after_an_error_of_the_database_is_not_acknowledged(
    store: Store,
) -> None:
    async def unit(work: Work) -> str:
        await leave(work)
        with pytest.raises(IntegrityError):
            await work.tx.run("DELETE FROM events WHERE school_id = :school")
        return "all is well"

    with pytest.raises(asyncpg.InFailedSQLTransactionError):
        await store.write(unit, actor="tests")

    assert await store.read(count_events) == 0


async def test_a_write_that_waits_can_be_withdrawn_and_one_that_has_begun_cannot(
    store: Store,
) -> None:
    begun, goes_on = asyncio.Event(), asyncio.Event()

    async def hold(work: Work) -> str:
        await leave(work)
        begun.set()
        await goes_on.wait()
        return "done"

    holding = asyncio.create_task(store.write(hold, actor="tests"))
    await begun.wait()
    waiting = asyncio.create_task(store.write(leave, actor="tests"))
    await asyncio.sleep(0)
    waiting.cancel()
    holding.cancel()
    await asyncio.sleep(0)
    goes_on.set()

    await asyncio.wait([waiting, holding])

    assert waiting.cancelled()
    assert holding.result() == "done"
    assert await store.read(count_events) == 1


async def test_a_read_that_is_cancelled_leaves_the_others_alone(store: Store) -> None:
    async def last(work: Work) -> None:
        await work.tx.one("SELECT pg_sleep(60)")

    reading = [asyncio.create_task(store.read(last)) for _ in range(8)]
    await asyncio.sleep(0)
    for task in reading:
        task.cancel()
    await asyncio.gather(*reading, return_exceptions=True)

    async with asyncio.timeout(30):
        assert await store.read(count_events) == 0


async def test_a_closed_engine_takes_no_write(place: Place) -> None:
    async with opened(place) as store:
        pass

    with pytest.raises(ShuttingDownError):
        await store.write(leave, actor="tests")


# Lost connections


async def test_a_connection_that_ends_within_a_unit_costs_nobody_anything(
    store: Store, other: Store
) -> None:
    tries = 0

    async def unit(work: Work) -> int:
        nonlocal tries
        tries += 1
        row = await work.tx.one("SELECT pg_backend_pid() AS pid")
        assert row is not None
        await leave(work)
        if tries == 1:
            # Another process looks on, for the school's lock is held.
            await other.read(
                lambda work: work.tx.one("SELECT pg_terminate_backend(:pid)", pid=row["pid"])
            )
        await leave(work)
        return tries

    assert await store.write(unit, actor="tests") == 2
    assert await store.read(count_events) == 2


@pytest.mark.parametrize(("cut", "runs"), [("before", 2), ("behind", 1)])
async def test_a_commit_that_nobody_answers_is_found_out_about(
    place: Place, cut: str, runs: int
) -> None:
    """Nothing is done twice, nothing is lost, and nobody who called notices."""
    ran = 0

    async def unit(work: Work) -> None:
        nonlocal ran
        ran += 1
        await leave(work)

    async with wire_to(place.url) as (wire, url), opened(replace(place, url=url)) as store:
        wire.cut = cut  # type: ignore[assignment]  # one of them

        async with asyncio.timeout(30):
            await store.write(unit, actor="tests")

        assert wire.cuts == 1
        assert ran == runs
        assert await store.read(count_events) == 1
        assert store.head_seq == 1


async def test_whoever_finds_out_about_a_commit_does_it_twice_for_no_failure(place: Place) -> None:
    """A server that goes away once more says so while nobody asks it anything."""
    async with wire_to(place.url) as (wire, url), opened(replace(place, url=url)) as store:

        async def go_away() -> None:
            wire.ends_next = True

        wire.cut, wire.on_cut = "behind", go_away

        async with asyncio.timeout(30):
            await store.write(leave, actor="tests")

        assert (wire.cuts, wire.ends_next) == (1, False)
        assert await store.read(count_events) == 1


async def test_a_commit_that_was_lost_with_its_server_is_not_taken_for_another_one() -> None:
    """After a crash PostgreSQL gives the number of a transaction that left no trace once more."""
    # Nothing reaches the disk but by a commit.
    cluster = Cluster(fsync="on", synchronous_commit="on", wal_writer_delay="10s")
    try:
        place = Place(url=cluster.create())
        async with (
            opened(place) as other,
            wire_to(place.url) as (wire, url),
            opened(replace(place, url=url)) as store,
        ):
            await store.write(command("before"), actor="tests")

            async def crash() -> None:
                cluster.kill()
                cluster.start()
                await other.write(command("of another"), actor="tests")

            wire.cut, wire.on_cut = "before", crash
            await store.write(command("lost, and done again"), actor="tests")

            done = ["before", "of another", "lost, and done again"]
            assert wire.cuts == 1
            assert await store.read(channels) == done
    finally:
        cluster.stop()


def command(channel: str) -> Callable[[Work], Awaitable[None]]:
    """Return a unit that leaves its name in the audit."""
    return lambda work: work.audited(leave, Command(channel=channel))


async def channels(work: Work) -> list[str]:
    rows = await work.tx.all("SELECT channel FROM audit WHERE school_id = :school ORDER BY seq")
    return [row["channel"] for row in rows]


async def test_while_the_server_is_away_calls_say_so_and_afterwards_all_is_there() -> None:
    cluster = Cluster(fsync="on", synchronous_commit="on")
    try:
        async with opened(Place(url=cluster.create())) as store, asyncio.timeout(120):
            await store.write(leave, actor="tests")
            cluster.kill()

            with pytest.raises(UnavailableError) as writing:
                await store.write(leave, actor="tests")
            with pytest.raises(UnavailableError):
                await store.read(count_events)
            cluster.start()

            assert (writing.value.outcome, writing.value.retryable) == ("none", True)
            assert await store.read(count_events) == 1
            await store.write(leave, actor="tests")
            assert await store.read(count_events) == 2
    finally:
        cluster.stop()


async def test_a_server_that_says_nothing_any_more_is_given_up_and_taken_up_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a network is gone a connection stays open for a quarter of an hour."""
    async with (
        wire_to(place.url) as (wire, url),
        opened(replace(place, url=url)) as store,
        asyncio.timeout(15),
    ):
        await store.write(leave, actor="tests")
        await store.read(count_events)

        with monkeypatch.context() as quick:
            quick.setattr(postgres_neighbours, "ANSWER_SECONDS", 0.2)
            quick.setattr(postgres_connections, "CONNECT_SECONDS", 0.2)
            wire.goes_on.clear()
            ends = await asyncio.gather(
                store.write(leave, actor="tests"),
                store.read(count_events),
                return_exceptions=True,
            )
        wire.goes_on.set()

        assert [type(end) for end in ends] == [UnavailableError] * 2
        await store.write(leave, actor="tests")
        assert await store.read(count_events) == 2


async def test_a_server_that_greets_and_then_says_nothing_is_given_up(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network may go just then, and whoever connects is the only one who knows of it."""
    async with wire_to(place.url) as (wire, url):
        wire.falls_silent_next = True
        monkeypatch.setattr(postgres_connections, "CONNECT_SECONDS", 0.5)

        async with asyncio.timeout(15):
            with pytest.raises(UnavailableError):
                await Server(url).connect()

        assert not wire.falls_silent_next


async def test_a_connection_that_was_forgotten_on_the_way_costs_a_write_only_time(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A firewall forgets one on which nothing went for a while, and tells neither end."""
    monkeypatch.setattr(postgres_neighbours, "LOOK_SECONDS", 3_600)
    async with wire_to(place.url) as (wire, url), opened(replace(place, url=url)) as store:
        await store.write(leave, actor="tests")
        monkeypatch.setattr(postgres_writer, "PATIENCE_SECONDS", 0.2)
        wire.forget()

        async with asyncio.timeout(15):
            await store.write(leave, actor="tests")

        assert await seqs_of(place) == [1, 2]


async def seqs_of(place: Place) -> list[int]:
    """Return the numbers of all events, as another process sees them."""
    async with opened(place) as other:
        _, seqs = await seqs_after(other, 0)
    return seqs


async def test_connections_say_now_and_then_that_they_are_there(place: Place) -> None:
    connection = await Server(place.url).connect()
    try:
        asked = "SELECT source FROM pg_settings WHERE name = 'tcp_keepalives_idle'"
        # What is set means nothing on a socket of this machine.
        assert await connection.fetchval(asked) == "client"
    finally:
        await connection.close()


async def test_an_end_does_not_wait_for_a_server_that_says_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_writer, "PATIENCE_SECONDS", 0.2)
    async with wire_to(place.url) as (wire, url):
        store = await open_server_store(replace(place, url=url))
        await store.write(leave, actor="tests")
        monkeypatch.setattr(postgres_connections, "CONNECT_SECONDS", 0.2)
        wire.goes_on.clear()
        writing = asyncio.create_task(store.write(leave, actor="tests"))
        await asyncio.sleep(0)

        async with asyncio.timeout(15):
            await store.close()

        with pytest.raises(UnavailableError):
            await writing


async def test_a_server_that_is_not_there_is_told_at_once(place: Place) -> None:
    with pytest.raises(UnavailableError):
        await open_server_store(replace(place, url="postgresql://x@/x?host=/nowhere"))


# Other processes


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for what others tell, or do."""
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110 (it happens to an object that has no event)
            await asyncio.sleep(0.001)


async def test_others_hear_of_a_commit_and_know_the_end_of_the_stream(
    store: Store, other: Store
) -> None:
    told: list[int] = []
    other.on_commit.append(lambda: told.append(other.head_seq))

    for _ in range(3):
        await store.write(leave, actor="tests")
    await until(lambda: other.head_seq == 3)

    assert told[-1] == 3
    assert other.access_version == 0


async def test_others_hear_that_somebody_may_not_come_in_any_more(
    store: Store, other: Store
) -> None:
    told: list[str] = []
    other.on_access_change.append(lambda: told.append("forget"))

    await store.write(lambda work: work.sessions.remove("ses_x"), actor="tests")
    await until(lambda: other.access_version == 1)

    assert told == ["forget"]


async def test_whoever_writes_is_looked_up_where_others_may_have_changed_it(store: Store) -> None:
    async def unit(work: Work) -> int:
        return work.access_version

    assert await store.write(unit, actor="tests") != store.access_version


async def test_one_leads_and_when_it_is_gone_another_does(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_neighbours, "LOOK_SECONDS", 0.01)
    async with opened(place) as first, opened(place) as later:
        assert (first.engine.is_leader, later.engine.is_leader) == (True, False)
        assert (first.engine.was_alone, later.engine.was_alone) == (True, False)
        await first.close()

        await until(lambda: later.engine.is_leader)


async def test_who_cannot_hear_for_a_while_takes_it_that_anything_has_changed(
    place: Place, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_neighbours, "LOOK_SECONDS", 0.01)
    async with opened(place) as deaf:
        pid = deaf.engine.neighbours._connection.get_server_pid()  # type: ignore[attr-defined]  # noqa: SLF001 (what is to be lost)
        await store.read(lambda work: work.tx.one("SELECT pg_terminate_backend(:pid)", pid=pid))

        await until(lambda: deaf.access_version >= 2)
        await store.write(leave, actor="tests")
        await until(lambda: deaf.head_seq == 1)


async def test_a_call_whose_first_step_is_to_connect_is_answered(place: Place) -> None:
    """It runs before there is a task for the rest of the call."""
    loop = asyncio.get_running_loop()
    connecting: asyncio.Future[Started] = loop.create_future()

    def take_first_step() -> None:
        call = connect(place)
        try:
            connecting.set_result(Started(call, call.send(None)))
        except Exception as error:  # noqa: BLE001 (told to whoever waits)
            connecting.set_exception(error)

    loop.call_soon(take_first_step)

    assert await (await connecting) == b"1"


async def connect(place: Place) -> bytes:
    connection = await Server(place.url).connect()
    answer = await connection.fetchval("SELECT 1")
    await connection.close()
    return str(answer).encode()


# Migrations


async def test_processes_that_start_at_once_migrate_once(cluster: Cluster) -> None:
    place = Place(url=cluster.create())

    stores = await asyncio.gather(*(open_server_store(place) for _ in range(4)))

    assert [store.engine.schema_version for store in stores] == [latest_version()] * 4
    assert sorted(store.engine.migrated_from for store in stores) == [0] + [latest_version()] * 3
    for store in stores:
        await store.close()


_WAITS = """
SELECT pid FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()
  AND clock_timestamp() - query_start > interval '50 ms'
"""


@asynccontextmanager
async def migrating(place: Place) -> AsyncIterator["asyncpg.Connection[Any]"]:
    """Be a process that takes its time to migrate."""
    connection = await asyncpg.connect(place.url)
    await connection.execute("SELECT pg_advisory_lock($1, 0)", LOCK)
    try:
        yield connection
    finally:
        await connection.close()


async def who_waits(connection: "asyncpg.Connection[Any]") -> int:
    """Wait until another process has waited a while for it, and return its number."""
    async with asyncio.timeout(10):
        while not (pid := await connection.fetchval(_WAITS)):
            pass
    assert isinstance(pid, int)
    return pid


async def test_who_migrates_is_waited_for_longer_than_other_locks(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgres_connections._SETTINGS, "lock_timeout", "10ms")  # noqa: SLF001 (ten seconds)
    place = Place(url=cluster.create())
    async with migrating(place) as other:
        opening = asyncio.create_task(open_server_store(place))
        await who_waits(other)

    store = await opening

    assert store.engine.schema_version == latest_version()
    await store.close()


async def test_a_server_that_goes_away_while_a_process_starts_is_told_as_one_that_is_away(
    cluster: Cluster,
) -> None:
    """Such a process starts all the same, and each call tries again."""
    place = Place(url=cluster.create())
    async with migrating(place) as other:
        opening = asyncio.create_task(open_server_store(place))
        await other.execute("SELECT pg_terminate_backend($1)", await who_waits(other))

        with pytest.raises(UnavailableError):
            await opening


async def test_a_database_of_a_newer_program_is_left_alone(cluster: Cluster) -> None:
    place = Place(url=cluster.create())
    async with opened(place):
        pass
    connection = await asyncpg.connect(place.url)
    await connection.execute("UPDATE migrations SET version = 9999 WHERE version = 1")
    await connection.close()

    with pytest.raises(SchemaTooNewError):
        await open_server_store(place)


async def test_a_step_that_was_changed_after_it_was_applied_is_refused(cluster: Cluster) -> None:
    place = Place(url=cluster.create())
    async with opened(place):
        pass
    connection = await asyncpg.connect(place.url)
    await connection.execute("DELETE FROM migrations WHERE version > 1")
    await connection.execute("UPDATE migrations SET sha256 = 'another'")
    await connection.close()

    with pytest.raises(MigrationChangedError):
        await open_server_store(place)


async def test_both_engines_have_the_same_tables(store: Store) -> None:
    async def unit(work: Work) -> set[Shape]:
        return set(await shapes(work.tx))

    async with store_in(None) as file:
        assert await store.read(unit) == await file.read(unit)
    assert len(load("postgres")) == latest_version()


# What a server does itself


async def test_what_a_file_has_is_not_asked_of_a_server(store: Store) -> None:
    for wanted in (
        store.backup("manual"),
        store.rekey(bytes(32), lambda *_: None),
    ):
        with pytest.raises(ServerDatabaseError):
            await wanted


async def test_what_stands_in_the_tables_is_checked_as_in_a_file(store: Store) -> None:
    await store.write(leave, actor="tests")
    assert await store.engine.look_through(lambda *_: None) == []

    async def tamper(work: Work) -> None:
        await work.tx.run("ALTER TABLE audit DISABLE TRIGGER USER")
        await work.tx.run(
            "INSERT INTO audit VALUES (:school, 1, 0, 'a', NULL, 'c', NULL, NULL, '[]', :no, :no)",
            no=bytes(32),
        )
        await work.tx.run("ALTER TABLE audit ENABLE TRIGGER USER")

    await store.write(tamper, actor="intruder")

    findings = await store.engine.look_through(lambda *_: None)
    assert [each.text for each in findings] == ["audit: row 1 is missing or not as it was written"]
