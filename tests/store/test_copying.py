"""A school moves from one database to another, and is the same there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from rpcbackend.demo.seed import write_school
from rpcbackend.store import (
    Command,
    CopyFailedError,
    Message,
    Place,
    StorageFailedError,
    Store,
    Work,
    copy,
    open_server_store,
    open_store,
    standing_still,
)
from rpcbackend.store.digest import state_hash
from tests.demo.schools import school_of
from tests.factories import KEY, make_branch
from tests.postgres import Cluster

pytestmark = pytest.mark.postgresql


PLACE_OF_SECRET = ("webhooks", "secret", "whk_1")


@pytest.fixture
def database(cluster: Cluster) -> Place:
    """A database in which nothing is."""
    return Place(url=cluster.create())


@asynccontextmanager
async def on_server(place: Place, *, may_be_unfinished: bool = False) -> AsyncIterator[Store]:
    store = await open_server_store(place, may_be_unfinished=may_be_unfinished)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def in_folder(directory: Path, key: bytes | None = None) -> AsyncIterator[Store]:
    store = await open_store(directory, key=key)
    try:
        yield store
    finally:
        await store.close()


def nobody(_done: int, _total: int, _message: str) -> None:
    """Hear of progress."""


async def make(store: Store) -> None:
    """Fill a store with rows of many tables, in states that no insert could have made."""
    await write_school(store, school_of(12, 1, 3))

    async def unit(work: Work) -> None:
        await work.branches.put(make_branch(name="Süd \u2028 'quoted' \\ \t"))
        await work.credentials.note_misses("somebody", 3, 1_000)
        await work.sealed.put(*PLACE_OF_SECRET, "canary")
        for number in range(3):
            message = Message(
                channel="mail",
                recipient="a@b.example",
                template="t",
                payload={"subject": "Grüße"},
                dedupe_key=f"key {number}",
            )
            await work.outbox.queue(message)
        for lease in await work.due.lease(1, room={"mail": 2}):
            await work.outbox.sent(lease)

    for _ in range(3):
        await store.write(
            lambda work: work.audited(unit, Command(channel="tests.make")), actor="tests"
        )


async def test_a_school_goes_from_a_file_to_a_server_and_back(
    tmp_path: Path, database: Place
) -> None:
    told: list[tuple[int, int, str]] = []
    async with in_folder(tmp_path / "from") as source, in_folder(tmp_path / "to") as back:
        await make(source)
        async with on_server(database, may_be_unfinished=True) as server:
            there = await copy(source, server, lambda *said: told.append(said))
            async with standing_still(server):
                again = await copy(server, back, nobody)

        assert there == again
        assert there.rows > 1_000
        assert await state_hash(source) == await state_hash(back) == there.state
    assert told[0][0] == 0
    assert {total for _, total, _ in told} == {2 * there.rows}
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)


async def test_a_server_knows_what_was_copied_into_its_tables(
    tmp_path: Path, database: Place
) -> None:
    """Else it would look through a whole school for each row, until it has counted by itself."""
    async with in_folder(tmp_path) as source:
        await make(source)
        async with on_server(database, may_be_unfinished=True) as server:
            await copy(source, server, nobody)

            known = await server.read(
                lambda work: work.tx.one(
                    "SELECT reltuples, (SELECT count(*) FROM lessons) FROM pg_class"
                    " WHERE relname = 'lessons'"
                )
            )
    assert known is not None
    counted, there = known
    assert counted == there > 0


async def secret_in(store: Store) -> str | None:
    return await store.read(lambda work: work.sealed.get(*PLACE_OF_SECRET))


@pytest.mark.parametrize(
    "keys",
    [(None, None), (KEY, None), (None, KEY), (KEY, KEY), (KEY, bytes(range(32)))],
    ids=["plain", "encrypted to plain", "plain to encrypted", "one key", "another key"],
)
async def test_secrets_open_wherever_the_school_is_moved(
    tmp_path: Path, database: Place, keys: tuple[bytes | None, bytes | None]
) -> None:
    """Each box is sealed under its store's key: those of another store would open for nobody."""
    there, back = (in_folder(tmp_path / name, key) for name, key in zip("ab", keys, strict=True))
    async with there as source, back as target:
        await make(source)
        async with on_server(database, may_be_unfinished=True) as server:
            await copy(source, server, nobody)
            assert await secret_in(server) == "canary"

            await copy(server, target, nobody)
            assert await secret_in(target) == "canary"


async def test_what_was_copied_goes_on_as_if_nothing_had_happened(
    tmp_path: Path, database: Place
) -> None:
    """The guards are up again, and the next command's row hangs on the chain."""
    async with in_folder(tmp_path) as source:
        await make(source)
        async with on_server(database, may_be_unfinished=True) as server:
            await copy(source, server, nobody)
    async with on_server(database) as server:
        await make_more(server)

        with pytest.raises(Exception, match="events_are_never_removed"):
            await server.write(
                lambda work: work.tx.run("DELETE FROM events WHERE school_id = :school"),
                actor="intruder",
            )
        assert await server.engine.look_through(nobody) == []


async def make_more(store: Store) -> None:
    async def unit(work: Work) -> None:
        await work.branches.put(make_branch(name="Ost"))
        await work.record("branches.saved", ("branch", "bra_x", 1), {})

    await store.write(lambda work: work.audited(unit, Command(channel="tests.more")), actor="tests")


class StopError(Exception):
    """Somebody pulls the plug."""


@pytest.mark.parametrize("steps", [1, 8, 20, 40])
async def test_a_copy_that_was_cut_short_serves_nobody_and_goes_on(
    tmp_path: Path, database: Place, steps: int
) -> None:
    left = steps

    def stop(_done: int, _total: int, _message: str) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise StopError

    async with in_folder(tmp_path) as source:
        await make(source)
        async with on_server(database, may_be_unfinished=True) as server:
            with pytest.raises(StopError):
                await copy(source, server, stop)
        with pytest.raises(StorageFailedError, match="not finished"):
            await open_server_store(database)

        async with on_server(database, may_be_unfinished=True) as server:
            copied = await copy(source, server, nobody)

        assert copied.state == await state_hash(source)
    async with on_server(database) as server:
        assert await state_hash(server) == copied.state


async def test_a_copy_of_another_state_is_only_begun_anew(tmp_path: Path, database: Place) -> None:
    def stop(done: int, _total: int, _message: str) -> None:
        if done > 100:
            raise StopError

    async with in_folder(tmp_path) as source, on_server(database, may_be_unfinished=True) as server:
        await make(source)
        with pytest.raises(StopError):
            await copy(source, server, stop)
        await make_more(source)

        with pytest.raises(CopyFailedError, match="written to since"):
            await copy(source, server, nobody)

        copied = await copy(source, server, nobody, is_anew=True)
        assert copied.state == await state_hash(source)


async def test_nothing_is_copied_over_a_school(tmp_path: Path, database: Place) -> None:
    async with in_folder(tmp_path) as source, on_server(database) as server:
        await make(source)
        await make_more(server)
        before = await state_hash(server)

        for is_anew in (False, True):
            with pytest.raises(CopyFailedError, match="already"):
                await copy(source, server, nobody, is_anew=is_anew)

        assert await state_hash(server) == before


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("students", "UPDATE students SET phone = '1' WHERE school_id = :school"),
        ("sealed", "DELETE FROM sealed WHERE school_id = :school"),
    ],
)
async def test_a_row_that_is_another_one_is_found(
    tmp_path: Path, database: Place, table: str, change: str
) -> None:
    disturbing: list[asyncio.Future[int]] = []

    def disturb(_done: int, _total: int, message: str) -> None:
        if message.startswith("comparing") and not disturbing:
            writing = asyncio.ensure_future(
                server.write(lambda work: work.tx.run(change), actor="intruder")
            )
            disturbing.append(writing)

    async with in_folder(tmp_path) as source, on_server(database, may_be_unfinished=True) as server:
        await make(source)

        # By its table, or by the hash of all when it came behind the look at its table.
        found = f"{table} is not the same|do not hold the same"
        with pytest.raises(CopyFailedError, match=found):
            await copy(source, server, disturb)

        await disturbing[0]


async def test_a_school_stands_still_while_it_is_copied(place: Place) -> None:
    async with on_server(place) as source, on_server(place) as desk:
        async with standing_still(source):
            writing = asyncio.create_task(desk.write(make_some, actor="tests"))
            assert await desk.read(lambda work: work.events.head_seq()) == 0
            assert not writing.done()

        await writing
        assert await desk.read(lambda work: work.events.head_seq()) == 1


async def make_some(work: Work) -> None:
    await work.record("x.y", ("a", "b", 1), {})
