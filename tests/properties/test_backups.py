"""Rule A5: what a backup brings back is what there was, whatever that is."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings

from rpcbackend.store import Command, Origin, Store, Work, restore
from rpcbackend.store.digest import state_hash
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, FrozenClock, running_app
from tests.clauses import clause
from tests.factories import School, store_in
from tests.properties.desk import STEPS, Desk, Step


def nobody(_done: int, _total: int, _message: str) -> None:
    """Hear of progress."""


async def rows_in(store: Store, head_seq: int, audit_seq: int) -> dict[str, list[Any]]:
    """Return every row, but the events and rows of the audit behind those numbers."""

    async def unit(work: Work) -> dict[str, list[Any]]:
        tables = await work.tx.all("SELECT name FROM sqlite_schema WHERE type = 'table'")
        ends = {"events": head_seq, "audit": audit_seq}
        found = {}
        for (table,) in tables:
            rows = [tuple(row) for row in await work.tx.all(f"SELECT * FROM {table}")]  # noqa: S608 (names from the schema)
            end = ends.get(table)
            found[table] = sorted((row for row in rows if end is None or row[1] <= end), key=repr)
        return found

    return await store.read(unit)


@settings(max_examples=15)
@given(before=STEPS, after=STEPS)
@clause("restore-is-the-inverse-of-backup")
async def test_a_restored_backup_has_every_row_that_there_was_and_none_that_came_later(
    before: list[Step], after: list[Step]
) -> None:
    with TemporaryDirectory() as made:
        directory = Path(made)
        async with running_app(directory, Surroundings(clock=FrozenClock())) as app:
            client = Client(app)
            await app.open_store()
            store = app.store
            desk = Desk(client, await School(client).open())
            for step in before:
                await desk.run(step)
            was, heads = await state_hash(store), (store.head_seq, store.audit_head.seq)
            rows = await rows_in(store, *heads)
            backup = await store.backup("daily")
            for step in after:
                await desk.run(step)
            origin = Origin(
                path=backup.path, actor="tests", command=Command(channel="backups.restore")
            )
            await restore(store, origin, nobody)

            assert await rows_in(store, *heads) == rows
            assert (store.head_seq, store.audit_head.seq) == (heads[0] + 1, heads[1] + 1)
            assert (await client.call("audit.verify"))["ok"]
        # The backup itself is that state, to the last row.
        elsewhere = directory / "elsewhere"
        elsewhere.mkdir()
        backup.path.rename(elsewhere / "school.db")
        async with store_in(elsewhere) as copy:
            assert await state_hash(copy) == was
