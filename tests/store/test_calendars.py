"""The calendar as one statement, against claims that are looked at one by one."""

from datetime import timedelta
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from rpcbackend.schema.base import format_instant
from rpcbackend.schema.calendars import CalendarView, ViewCalendar
from rpcbackend.schema.claims import Claim, OwnerType, ResourceType
from rpcbackend.store import Store, Work
from rpcbackend.store.calendars import Calendars
from rpcbackend.store.sight import EVERYTHING
from rpcbackend.store.transaction import Transaction
from tests.factories import NINE, add_all, an_id, at, make_claim, make_lesson, store_in

RESOURCES = {
    ResourceType.INSTRUCTOR: (an_id("ins"), "Ines Kraft"),
    ResourceType.VEHICLE: (an_id("veh"), "B-FS 101"),
    ResourceType.STUDENT: (an_id("stu"), "Ada Byron"),
}
SPANS = some.tuples(some.integers(0, 200), some.integers(1, 90))


def claim(kind: ResourceType, start: int, minutes: int) -> Claim:
    starts_at = at(NINE) + timedelta(minutes=start)
    return make_claim(
        resource_type=kind,
        resource_id=RESOURCES[kind][0],
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=minutes),
        owner_type=OwnerType.BLOCK,
        owner_id="blo_1",
    )


@settings(max_examples=80)
@given(
    drawn=some.lists(some.tuples(some.sampled_from(list(RESOURCES)), SPANS), max_size=15),
    span=SPANS,
    kinds=some.sets(some.sampled_from(ResourceType), min_size=1),
)
async def test_a_view_holds_exactly_the_claims_that_share_time_with_it(
    drawn: list[tuple[ResourceType, tuple[int, int]]],
    span: tuple[int, int],
    kinds: set[ResourceType],
) -> None:
    held: list[Claim] = []
    for kind, (start, minutes) in drawn:
        one = claim(kind, start, minutes)
        if not any(other.resource_type == kind and shares_time(one, other) for other in held):
            held.append(one)
    window = claim(ResourceType.INSTRUCTOR, *span)
    wanted = ViewCalendar.model_validate(
        {
            "from": format_instant(window.starts_at),
            "to": format_instant(window.ends_at),
            "resourceTypes": sorted(kinds),
        }
    )

    async def unit(work: Work) -> bytes:
        await work.claims.take(held)
        return (await work.calendars.view(wanted)).json

    async with store_in(None) as store:
        await add_all(store)
        view = CalendarView.model_validate_json(await store.write(unit, actor="tests"))

    expected = [one for one in held if one.resource_type in kinds and shares_time(one, window)]
    seen = [
        make_claim(
            resource_type=item.resource_type,
            resource_id=item.resource_id,
            starts_at=item.starts_at,
            ends_at=item.ends_at,
            owner_type=item.owner_type,
            owner_id=item.owner_id,
        )
        for item in view.items
    ]
    assert sorted(seen, key=repr) == sorted(expected, key=repr)
    assert [item.starts_at for item in view.items] == sorted(item.starts_at for item in view.items)
    assert [(one.type, one.id, one.name) for one in view.resources] == [
        (kind, *RESOURCES[kind]) for kind in sorted(RESOURCES) if kind in kinds
    ]


def shares_time(one: Claim, other: Claim) -> bool:
    return one.starts_at < other.ends_at and other.starts_at < one.ends_at


class Explaining:
    """Asks how the server finds what it is asked for."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self.plan: list[str] = []

    async def one(self, sql: str, /, **params: Any) -> None:
        """Run a statement, keep its plan, and return nothing of it."""
        self.plan = [row[0] for row in await self._tx.all(f"EXPLAIN (ANALYZE) {sql}", **params)]


@pytest.mark.postgresql
async def test_what_reaches_into_a_view_is_looked_up_once_for_a_resource_not_for_every_claim(
    store: Store,
) -> None:
    held = [claim(ResourceType.INSTRUCTOR, 60 * number, 60) for number in range(20)]
    wanted = {"from": NINE, "to": "2026-11-25T09:00:00Z", "resourceTypes": ["instructor"]}

    async def unit(work: Work) -> list[str]:
        await work.claims.take(held)
        explaining = Explaining(work.tx)
        calendars = Calendars(cast("Transaction", explaining), EVERYTHING)
        await calendars.view(ViewCalendar.model_validate(wanted))
        return explaining.plan

    await add_all(store)
    plan = await store.write(unit, actor="tests")

    (looked_up,) = [line for line in plan if " before " in line]
    assert "loops=1)" in looked_up


async def test_a_lesson_is_shown_with_its_student_and_its_wall_clock() -> None:
    lesson = make_lesson(vehicle_id=None)

    async def unit(work: Work) -> bytes:
        await work.lessons.put(lesson)
        await work.claims.take([make_claim()])
        wanted = {"from": NINE, "to": "2026-11-24T09:01:00Z"}
        return (await work.calendars.view(ViewCalendar.model_validate(wanted))).json

    async with store_in(None) as store:
        await add_all(store)
        view = CalendarView.model_validate_json(await store.write(unit, actor="tests"))

    (item,) = view.items
    assert (item.zone, item.local) == (lesson.zone, lesson.local)
    assert item.lesson is not None
    assert item.lesson.model_dump(mode="json") == {
        "id": lesson.id,
        "state": "booked",
        "type": "normal",
        "studentId": lesson.student_id,
        "studentName": "Ada Byron",
        "instructorId": lesson.instructor_id,
        "vehicleId": None,
    }
