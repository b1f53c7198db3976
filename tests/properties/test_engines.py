"""Random commands on both engines: the same answers, the same audit, the same state, to a bit."""

from typing import Any

import asyncpg
import pytest
from hypothesis import given, settings

from rpcbackend.store import Place, Store
from rpcbackend.store.digest import state_hash
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, FrozenClock, running_app
from tests.factories import School
from tests.machine import FixedBits
from tests.postgres import Cluster
from tests.properties.desk import STEPS, Desk, Step


async def told(desk: Desk, step: Step) -> Any:
    """Send a step, and return what is answered without what belongs to its delivery alone."""
    channel, params = desk.call(step)
    try:
        result = await desk.client.call_with_meta(channel, params | {"_meta": step.meta})
    except CallFailedError as failed:
        return failed.symbol, failed.message, failed.details
    if step.kind == "book" and "dryRun" not in step.meta and "replayed" not in result["_meta"]:
        desk.lessons.append(result["lesson"]["id"])
    return result


async def rows_of(store: Store, table: str, order: str) -> list[tuple[Any, ...]]:
    sql = f"SELECT * FROM {table} WHERE school_id = :school ORDER BY {order}"  # noqa: S608 (our own names)
    return [tuple(row) for row in await store.read(lambda work: work.tx.all(sql))]


async def run(place: Place | None, steps: list[Step]) -> list[Any]:
    """Run the steps in a new school, and return all that can be seen of it."""
    clock = FrozenClock()
    outside = Surroundings(
        clock=clock,
        bits=FixedBits(),
        record_bits=FixedBits(),
        random_bytes=bytes,
        place=place,
    )
    async with running_app(surroundings=outside) as app:
        await app.open_store()
        client = Client(app)
        desk = Desk(client, await School(client).open())
        answers = []
        for step in steps:
            clock.advance(1)
            answers.append(await told(desk, step))
        view = {"from": "2026-11-24T00:00:00Z", "to": "2026-11-25T00:00:00Z"}
        return [
            answers,
            await client.call("calendar.view", **view),
            await client.call("students.list", text="ada"),
            await client.call("audit.verify"),
            await rows_of(app.store, "audit", "seq"),
            await rows_of(app.store, "events", "seq"),
            await state_hash(app.store),
        ]


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Place:
    """A database for one school after the other: each has the number that is in its hashes."""
    return Place(url=cluster.create())


async def clear(place: Place) -> None:
    """Remove what was there, past all guards."""
    connection = await asyncpg.connect(place.url)
    await connection.execute(_CLEAR)
    await connection.close()


_CLEAR = """
DO $$ DECLARE names text; BEGIN
  SELECT string_agg(quote_ident(relname), ', ') INTO names FROM pg_class
  WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'migrations';
  IF names IS NOT NULL THEN EXECUTE 'TRUNCATE ' || names; END IF;
END $$
"""


@settings(max_examples=40)
@given(steps=STEPS)
async def test_both_engines_answer_and_keep_the_same(database: Place, steps: list[Step]) -> None:
    await clear(database)

    on_server = await run(database, steps)
    in_memory = await run(None, steps)

    assert on_server == in_memory
