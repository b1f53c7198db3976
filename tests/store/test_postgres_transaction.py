"""What units of work promise whose statements share round trips, and how many a call takes."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from itertools import permutations
from typing import Any

import asyncpg
import pytest

from rpcbackend.app import Application
from rpcbackend.errors import NotFoundError
from rpcbackend.schema.users import Role
from rpcbackend.store import Command, Store, Work, postgres_neighbours
from rpcbackend.store.audit import ROOT
from rpcbackend.store.driver import IntegrityError
from rpcbackend.store.postgres import PostgresEngine
from rpcbackend.store.transaction import UnitSuspendedError
from tests.callers import connect_as
from tests.factories import add_all, an_id, keyed

NOWHERE = 404


async def name_of(work: Work, number: int = 1) -> str | None:
    row = await work.tx.one(
        "SELECT name FROM branches WHERE school_id = :school AND id = :id",
        id=an_id("bra", number),
    )
    return row["name"] if row else None


async def names_of(work: Work, *numbers: int) -> list[str | None]:
    return [await name_of(work, number) for number in numbers]


async def rename(work: Work, number: int = 1) -> int:
    return await work.tx.run(
        "UPDATE branches SET name = name || '+' WHERE school_id = :school AND id = :id",
        id=an_id("bra", number),
    )


async def offer(work: Work, key: str) -> bool:
    """Offer a reply under a key, which may be taken."""
    return await work.tx.offer(
        "INSERT INTO idempotency_keys (school_id, actor, channel, key, params_sha256, result,"
        " expires_at) VALUES (:school, 'a', 'c', :key, :sha, '{}', 1)",
        key=key,
        sha=bytes(32),
    )


async def keys(work: Work) -> list[str]:
    rows = await work.tx.all(
        "SELECT key FROM idempotency_keys WHERE school_id = :school ORDER BY key"
    )
    return [row["key"] for row in rows]


async def counts(work: Work) -> tuple[int, list[Any], list[str]]:
    row = await work.tx.one("SELECT 1 AS a, count(*) AS n, 'b' AS b FROM branches")
    assert row is not None
    return row[0], list(row), [*row.keys(), row["b"]]


async def nested(work: Work) -> tuple[str | None, list[str | None]]:
    return await work.together(name_of(work), names_of(work, NOWHERE, 1))


async def nothing(_: Work) -> str:
    return "nothing"


LOOK_UPS: tuple[Callable[[Work], Coroutine[Any, Any, Any]], ...] = (
    name_of,
    lambda work: name_of(work, NOWHERE),
    lambda work: names_of(work, 1, NOWHERE, 1),
    counts,
    keys,
    nested,
    nothing,
)


@pytest.fixture(autouse=True)
async def branch(store: Store) -> None:
    """A branch, and a key that is taken."""
    await add_all(store)
    await store.write(lambda work: offer(work, "taken"), actor="tests")


async def test_look_ups_that_go_together_are_answered_as_if_each_had_gone_alone(
    store: Store,
) -> None:
    async def alone(work: Work) -> list[list[Any]]:
        return [[await look_up(work) for look_up in some] for some in permutations(LOOK_UPS, 3)]

    async def together(work: Work) -> list[list[Any]]:
        return [
            await work.tx.together(*(look_up(work) for look_up in some))
            for some in permutations(LOOK_UPS, 3)
        ]

    assert await store.read(together) == await store.read(alone)


async def test_changes_and_offers_go_together_as_well(store: Store) -> None:
    async def unit(work: Work) -> list[Any]:
        return await work.tx.together(
            rename(work), offer(work, "free"), rename(work, NOWHERE), offer(work, "taken")
        )

    assert await store.write(unit, actor="tests") == [1, True, 0, False]
    assert await store.read(keys) == ["free", "taken"]
    assert await store.read(name_of) == "Mitte+"


async def test_the_first_that_fails_ends_all_and_nothing_of_them_stays(store: Store) -> None:
    async def unit(work: Work) -> None:
        await work.together(
            offer(work, "free"), work.branches.require(an_id("bra", NOWHERE)), rename(work)
        )

    with pytest.raises(NotFoundError):
        await store.write(unit, actor="tests")

    assert await store.read(keys) == ["taken"]
    assert await store.read(name_of) == "Mitte"


async def test_what_the_database_refuses_has_its_one_name_among_others_too(store: Store) -> None:
    insert = "INSERT INTO branches (school_id, id) VALUES (:school, 'bra_1')"

    async def unit(work: Work) -> None:
        await work.together(work.tx.run(insert), name_of(work))

    with pytest.raises(IntegrityError):
        await store.write(unit, actor="tests")


async def test_who_goes_together_waits_for_the_database_alone(store: Store) -> None:
    async def unit(work: Work) -> None:
        await work.together(name_of(work), asyncio.sleep(0))

    with pytest.raises(UnitSuspendedError):
        await store.read(unit)


async def test_what_is_done_later_is_done_with_its_unit_and_seen_by_the_next(store: Store) -> None:
    seen: list[str | None] = []

    async def unit(work: Work) -> None:
        seen.append(await name_of(work))
        for sign in "ab":
            await work.tx.later(
                "UPDATE branches SET name = name || :sign WHERE school_id = :school AND id = :id",
                id=an_id("bra"),
                sign=sign,
            )

    await asyncio.gather(*(store.write(unit, actor="tests") for _ in range(4)))

    assert seen == ["Mitte", "Mitteab", "Mitteabab", "Mitteababab"]
    assert await store.read(name_of) == "Mitteabababab"


async def test_what_is_refused_later_takes_its_whole_unit_back(store: Store) -> None:
    async def unit(work: Work) -> None:
        await rename(work)
        await work.tx.later("INSERT INTO branches (school_id, id) VALUES (:school, 'bra_1')")

    with pytest.raises(IntegrityError):
        await store.write(unit, actor="tests")
    refused, kept = await asyncio.gather(
        store.write(unit, actor="tests"),
        store.write(rename, actor="tests"),
        return_exceptions=True,
    )

    assert (type(refused), kept) == (IntegrityError, 1)
    assert await store.read(name_of) == "Mitte+"


async def test_a_unit_that_leaves_two_rows_of_the_audit_leaves_a_chain(store: Store) -> None:
    async def unit(work: Work) -> None:
        await work.audit.look_ahead()
        for channel in ("one", "two"):
            await work.audited(rename, Command(channel=channel))

    await store.write(unit, actor="tests")

    head = await store.read(lambda work: work.audit.head())
    assert head.seq == 2
    assert await store.read(lambda work: work.audit.follow(ROOT, 2, 9)) == head


# Round trips


@contextmanager
def counted(store: Store) -> Iterator[list[str]]:
    """List what goes over the connections of reads and of writes, once all are open."""
    engine = store.engine
    assert isinstance(engine, PostgresEngine)
    asked: list[str] = []

    def note(record: Any) -> None:
        asked.append(record.query)

    idle = engine.reader._connections._idle  # noqa: SLF001 (what is counted)
    with_logger: list[asyncpg.Connection[Any]] = [*idle]
    assert engine.writer._connection is not None  # noqa: SLF001 (as above)
    with_logger.append(engine.writer._connection)  # noqa: SLF001 (as above)
    for connection in with_logger:
        connection.add_query_logger(note)
    try:
        yield asked
    finally:
        for connection in with_logger:
            connection.remove_query_logger(note)


@pytest.mark.postgresql
async def test_a_look_up_takes_one_round_trip_and_a_command_as_few_as_it_has_questions(
    app: Application, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_neighbours, "LOOK_SECONDS", 3_600)
    client = await connect_as(app, 1, Role.OWNER)
    student = {"studentId": an_id("stu")}
    lesson = student | {"instructorId": an_id("ins"), "vehicleId": an_id("veh")}
    week = {"from": "2026-11-23T00:00:00Z", "to": "2026-11-30T00:00:00Z"}
    calls: dict[str, dict[str, Any]] = {
        "students.get": student,
        "students.list": {},
        "calendar.view": week,
        "lessons.book": {
            **lesson,
            "startsAt": "2026-11-25T09:00:00Z",
            "durationMinutes": 90,
            **keyed("b"),
        },
        "payments.createLink": {
            **student,
            "amount": {"amount": 4_500, "currency": "EUR"},
            "description": "Fahrstunde",
            **keyed("p"),
        },
    }
    # Whose connections and statements are there.
    await client.call("branches.save", name="Ost", zone="Europe/Berlin", currency="EUR")
    await client.call("students.get", **student)

    taken = {}
    for channel, params in calls.items():
        # Whose look at the webhooks follows each commit.
        await app.ways.fanout.caught_up()
        with counted(store) as asked:
            await client.call(channel, **params)
            taken[channel] = len(asked)

    assert taken == {
        "students.get": 1,
        "students.list": 1,
        "calendar.view": 1,
        "lessons.book": 8,
        "payments.createLink": 7,
    }


@pytest.mark.postgresql
async def test_a_page_of_the_stream_takes_one_round_trip_whether_it_is_full_short_or_empty(
    store: Store,
) -> None:
    async def record(work: Work) -> None:
        for _ in range(3):
            await work.record("branches.saved", ("branch", an_id("bra"), 1), {})

    await store.write(record, actor="tests")
    await store.read(lambda work: work.events.head_seq())

    with counted(store) as asked:
        pages = [
            await store.read(lambda work, after=after: work.events.page_after(after, (), 2))  # type: ignore[misc]  # mypy cannot see that the default binds
            for after in (0, 2, 3)
        ]
        # The driver tells of a statement in the loop's next turn.
        await asyncio.sleep(0)

    assert [(came_to, len(page)) for came_to, page in pages] == [(2, 2), (3, 1), (3, 0)]
    assert len(asked) == len(pages)
