"""The event stream: dense, never changed, read in pages without gap or duplicate."""

from itertools import pairwise

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from rpcbackend.schema.events import Event
from rpcbackend.store import Store, Work
from rpcbackend.store import events as events_module
from rpcbackend.store.driver import IntegrityError
from tests.factories import at, events_in, store_in

COPY = """
{} events SELECT school_id, {}, 'e', type, at, actor, aggregate_type, aggregate_id,
aggregate_version, data FROM events WHERE school_id = :school AND seq = 1
"""
TYPES = ["branches.saved", "lessons.booked", "students.created"]


async def record_all(work: Work, types: list[str]) -> None:
    """Leave an event of each type, in order: a unit of work."""
    for event_type in types:
        await work.record(event_type, ("branch", "bra_1", 1), {"ä\"'": [1, None]})


async def test_numbers_follow_one_another_over_units_failures_and_dry_runs(store: Store) -> None:
    async def fails(work: Work) -> None:
        await record_all(work, TYPES)
        raise LookupError

    await store.write(lambda work: record_all(work, TYPES), actor="tests")
    with pytest.raises(LookupError):
        await store.write(fails, actor="tests")
    await store.write(lambda work: record_all(work, TYPES), actor="tests", keep=False)
    await store.write(lambda work: record_all(work, TYPES[:1]), actor="tests")

    assert [event["seq"] for event in await events_in(store)] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("UPDATE events SET actor = 'x' WHERE seq = 1", "events_are_never_changed"),
        ("DELETE FROM events WHERE seq = 2", "events_are_never_removed"),
        ("DELETE FROM events", "events_are_never_removed"),
        (COPY.format("INSERT INTO", 4), "events_are_dense"),
        (COPY.format("INSERT INTO", 0), "events_are_dense"),
    ],
    ids=["change", "remove", "remove all", "leave a gap", "insert before"],
)
async def test_the_database_itself_keeps_the_stream_as_it_was_written(
    store: Store, sql: str, rule: str
) -> None:
    await keeps_the_stream(store, sql, rule)


@pytest.mark.sqlite
async def test_no_event_is_replaced(store: Store) -> None:
    await keeps_the_stream(store, COPY.format("INSERT OR REPLACE INTO", 2), "events_are_dense")


async def keeps_the_stream(store: Store, sql: str, rule: str) -> None:
    await store.write(lambda work: record_all(work, TYPES[:2]), actor="tests")
    before = await events_in(store)

    with pytest.raises(IntegrityError, match=rule):
        await store.write(lambda work: work.tx.run(sql), actor="tests")

    assert await events_in(store) == before


@settings(max_examples=60)
@given(
    types=some.lists(some.sampled_from(TYPES), max_size=30),
    wanted=some.sets(some.sampled_from([*TYPES, "vehicles.saved"])),
    after=some.integers(0, 35),
    limit=some.integers(1, 8),
)
async def test_pages_hold_every_wanted_event_once_and_end_at_the_head(
    types: list[str], wanted: set[str], after: int, limit: int
) -> None:
    async with store_in(None) as store:
        await store.write(lambda work: record_all(work, types), actor="tests")

        came_to, seqs, steps = after, [], [after]
        while True:
            came_to, page = await store.read(
                lambda work, seq=came_to: work.events.page_after(seq, sorted(wanted), limit)  # type: ignore[misc]  # mypy cannot see that the default binds
            )
            seqs += [orjson.loads(event.json)["seq"] for event in page]
            steps.append(came_to)
            if len(page) < limit:
                break

    expected = [
        seq
        for seq, event_type in enumerate(types, start=1)
        if seq > after and (not wanted or event_type in wanted)
    ]
    assert seqs == expected
    assert came_to == max(after, len(types))
    assert all(one <= next_one for one, next_one in pairwise(steps))


@settings(max_examples=100)
@given(at_ms=some.integers(0, 4_102_444_800_000))
async def test_an_event_says_to_the_millisecond_when_it_happened(at_ms: int) -> None:
    async def unit(work: Work) -> None:
        await work.events.append(
            id="evt_1", type=TYPES[0], at_ms=at_ms, actor="a", aggregate=("b", "c", 1), data={}
        )

    async with store_in(None) as store:
        await store.write(unit, actor="tests")
        event = Event.model_validate((await events_in(store))[0])

    assert round(event.at.timestamp() * 1_000) == at_ms
    assert event.at >= at("1970-01-01T00:00:00Z")


async def test_one_look_is_bounded_however_few_events_are_to_be_seen(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "LOOKED_AT", 3)
    await store.write(lambda work: record_all(work, TYPES[:2] * 4 + TYPES[2:]), actor="tests")

    looks = [
        await store.read(lambda work, seq=seq: work.events.page_after(seq, TYPES[2:], 10))  # type: ignore[misc]  # mypy cannot see that the default binds
        for seq in (0, 3, 6, 9)
    ]

    assert [(came_to, len(page)) for came_to, page in looks] == [(3, 0), (6, 0), (9, 1), (9, 0)]
