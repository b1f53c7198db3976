"""What a unit of work is given."""

from datetime import UTC, datetime

from rpcbackend.store import Store, Work
from tests.factories import events_in


async def test_a_unit_knows_when_it_runs_and_who_asked_for_it(store: Store) -> None:
    async def unit(work: Work) -> tuple[datetime, int, str]:
        return work.now, work.now_ms, work.actor

    assert await store.write(unit, actor="somebody") == (
        datetime(2026, 11, 23, 8, 0, tzinfo=UTC),
        1_795_420_800_000,
        "somebody",
    )
    assert (await store.read(unit))[2] == "reader"


async def test_ids_rise_from_unit_to_unit(store: Store) -> None:
    async def unit(work: Work) -> list[str]:
        return [work.new_id("stu") for _ in range(3)]

    made = await store.write(unit, actor="tests") + await store.write(unit, actor="tests")

    assert made == sorted(set(made))
    assert {id_[:4] for id_ in made} == {"stu_"}


async def test_an_event_is_stored_with_its_cause(store: Store) -> None:
    async def unit(work: Work) -> None:
        await work.record("lessons.booked", ("lesson", "les_1", 4), {"lessonId": "les_1"})

    await store.write(unit, actor="somebody")

    event = (await events_in(store))[0]
    assert event == {
        "seq": 1,
        "id": event["id"],
        "type": "lessons.booked",
        "at": "2026-11-23T08:00:00.000Z",
        "actor": "somebody",
        "aggregate": {"type": "lesson", "id": "les_1", "version": 4},
        "data": {"lessonId": "les_1"},
    }
    assert event["id"].startswith("evt_")


async def test_what_a_unit_leaves_is_noted_in_one_place(store: Store) -> None:
    async def unit(work: Work) -> bool:
        return work.events is work.events and work.audit is work.audit

    assert await store.read(unit)
