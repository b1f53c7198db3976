"""The schedules as rows."""

from datetime import timedelta

from rpcbackend.schema.schedules import ScheduleName, StoredSchedule
from rpcbackend.store import Store, Work
from tests.factories import an_id, at

NOON = at("2026-11-23T12:00:00Z")


async def test_a_schedule_of_which_nothing_is_remembered_is_the_program_s_own(
    store: Store,
) -> None:
    assert await store.read(lambda work: work.schedules.list()) == [
        StoredSchedule(id=name) for name in ScheduleName
    ]


async def test_what_is_remembered_is_read_as_it_was_put(store: Store) -> None:
    schedule = StoredSchedule(
        id=ScheduleName.CHECK, cron="0 5 * * *", zone="Asia/Tokyo", is_enabled=False, version=7
    )

    await store.write(lambda work: work.schedules.put(schedule), actor="tests")

    assert await store.read(lambda work: work.schedules.get(ScheduleName.CHECK)) == schedule


async def test_what_was_seen_to_changes_nothing_else(store: Store) -> None:
    job_id = an_id("job")
    schedule = StoredSchedule(id=ScheduleName.UPKEEP, cron="0 5 * * *", version=2)

    async def unit(work: Work) -> list[StoredSchedule]:
        await work.schedules.put(schedule)
        seen = []
        for at_, named in ((NOON + timedelta(milliseconds=7), job_id), (NOON, None)):
            await work.schedules.see(ScheduleName.UPKEEP, at_, named)
            seen.append(await work.schedules.get(ScheduleName.UPKEEP))
        return seen

    expected = schedule.model_copy(update={"seen_at": NOON, "job_id": job_id})
    assert await store.write(unit, actor="tests") == [expected, expected]
