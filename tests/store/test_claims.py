"""The claims as rows: nothing overlaps, even past the code (rules K1, K2, K5)."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from rpcbackend.schema.claims import Busy, Claim, OwnerType, ResourceType
from rpcbackend.store import EVERYTHING, Store, Work
from rpcbackend.store.driver import IntegrityError
from tests.factories import an_id, at, claims_in, make_claim, store_in
from tests.store.test_seen import plan_of

DAWN = at("2026-11-24T00:00:00Z")

INSERT = """
INSERT INTO resource_claims VALUES (:school, 'vehicle', :resource, :start, :end, 'block', :owner)
"""


def claim(start: int, end: int, **given: Any) -> Claim:
    """Make a claim of minutes since dawn."""
    return make_claim(
        starts_at=DAWN + timedelta(minutes=start), ends_at=DAWN + timedelta(minutes=end), **given
    )


def minutes_of(one: Claim) -> set[int]:
    first = (one.starts_at - DAWN) // timedelta(minutes=1)
    return set(range(first, (one.ends_at - DAWN) // timedelta(minutes=1)))


SPANS = some.tuples(some.integers(0, 200), some.integers(1, 60)).map(
    lambda drawn: (drawn[0], drawn[0] + drawn[1])
)


@settings(max_examples=100)
@given(wanted=some.lists(some.tuples(some.sampled_from("ab"), SPANS), max_size=40))
async def test_the_database_alone_refuses_exactly_what_overlaps(
    wanted: list[tuple[str, tuple[int, int]]],
) -> None:
    """Rule K1, past the code: plain INSERTs against every pair tried by hand."""
    held: list[tuple[str, tuple[int, int]]] = []
    expected: list[bool] = []
    for resource, (start, end) in wanted:
        expected.append(all(one != resource or end <= s or e <= start for one, (s, e) in held))
        if expected[-1]:
            held.append((resource, (start, end)))

    async def unit(work: Work) -> list[bool]:
        return [await insert(work, number, *one) for number, one in enumerate(wanted)]

    async with store_in(None) as store:
        assert await store.write(unit, actor="tests") == expected
        assert await claims_in(store) == len(held)


async def insert(work: Work, number: int, resource: str, span: tuple[int, int]) -> bool:
    """Insert a claim as it is and tell whether the database took it."""
    start, end = (minute * 60 for minute in span)
    try:
        await work.tx.run(INSERT, resource=resource, start=start, end=end, owner=str(number))
    except IntegrityError:
        return False
    return True


@settings(max_examples=100)
@given(stored=some.lists(SPANS, max_size=15), wanted=SPANS)
async def test_the_one_claim_that_is_looked_at_tells_whether_any_overlaps(
    stored: list[tuple[int, int]], wanted: tuple[int, int]
) -> None:
    """Rule K5: the fast check is complete."""
    held: list[Claim] = []
    for span in stored:
        one = claim(*span)
        if not any(minutes_of(one) & minutes_of(other) for other in held):
            held.append(one)
    asked = claim(*wanted)

    async def unit(work: Work) -> tuple[list[Busy], dict[str, list[tuple[datetime, datetime]]]]:
        await work.claims.take(held)
        resources = {
            asked.resource_id: asked.resource_type,
            an_id("ins", 2): ResourceType.INSTRUCTOR,
            # Whose type does not fit is somebody else.
            f"{asked.resource_id}x": ResourceType.VEHICLE,
        }
        return (
            await work.claims.conflicting([asked]),
            await work.claims.busy(resources, asked.starts_at, asked.ends_at),
        )

    async with store_in(None) as store:
        conflicting, busy = await store.write(unit, actor="tests")

    overlapping = [one for one in held if minutes_of(one) & minutes_of(asked)]
    assert conflicting == sorted(overlapping, key=lambda one: one.starts_at)[-1:]
    pairs = sorted((one.starts_at, one.ends_at) for one in overlapping)
    assert busy == {asked.resource_id: pairs, an_id("ins", 2): [], f"{asked.resource_id}x": []}


@settings(max_examples=100)
@given(
    stored=some.lists(some.tuples(some.sampled_from("abc"), SPANS), max_size=12),
    wanted=SPANS,
    also=some.sets(some.sampled_from("abc"), min_size=1),
)
async def test_claims_are_taken_all_or_none_and_what_is_in_the_way_is_told(
    stored: list[tuple[str, tuple[int, int]]], wanted: tuple[int, int], also: set[str]
) -> None:
    """Rule K3: to ask by taking says the same as to ask first."""
    asked = [claim(*wanted, resource_id=one, owner_id="les_new") for one in sorted(also)]

    async def unit(work: Work) -> tuple[list[Busy], list[Busy], list[Claim]]:
        for number, (resource, (start, end)) in enumerate(stored):
            one = claim(start, end, resource_id=resource, owner_id=f"les_{number}")
            await work.claims.take_if_free([one])
        in_the_way = await work.claims.conflicting(asked)
        told = await work.claims.take_if_free(asked)
        return in_the_way, told, await work.claims.of_owner(OwnerType.LESSON, "les_new")

    async with store_in(None) as store:
        in_the_way, told, taken = await store.write(unit, actor="tests")

    assert told == in_the_way
    assert sorted(taken, key=repr) == ([] if told else sorted(asked, key=repr))


async def test_a_conflict_is_found_for_each_resource_on_its_own(store: Store) -> None:
    instructor = claim(60, 120)
    vehicle = claim(60, 120, resource_type=ResourceType.VEHICLE, resource_id=an_id("veh"))
    student = claim(120, 180, resource_type=ResourceType.STUDENT, resource_id=an_id("stu"))
    wanted = [one.model_copy(update={"owner_id": "les_2"}) for one in (instructor, vehicle)]
    wanted.append(claim(60, 120, resource_type=ResourceType.STUDENT, resource_id=an_id("stu")))

    async def unit(work: Work) -> list[Busy]:
        await work.claims.take([instructor, vehicle, student])
        return await work.claims.conflicting(wanted)

    assert await store.write(unit, actor="tests") == [instructor, vehicle]


async def test_a_taken_resource_cannot_be_taken_again_even_without_asking(store: Store) -> None:
    await store.write(lambda work: work.claims.take([claim(60, 120)]), actor="tests")

    with pytest.raises(IntegrityError, match="resource_claims_never_overlap"):
        await store.write(
            lambda work: work.claims.take([claim(0, 60), claim(119, 121)]), actor="tests"
        )

    assert await claims_in(store) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE resource_claims SET ends_at = ends_at + 60",
        "UPDATE resource_claims SET owner_id = 'x'",
    ],
    ids=["its time", "its owner"],
)
async def test_a_claim_never_moves(store: Store, sql: str) -> None:
    await never_moves(store, sql)


@pytest.mark.sqlite
async def test_a_claim_is_never_replaced(store: Store) -> None:
    replace = """INSERT OR REPLACE INTO resource_claims SELECT school_id, resource_type,
        resource_id, starts_at, ends_at + 60, owner_type, 'x' FROM resource_claims"""
    await never_moves(store, replace)


async def never_moves(store: Store, sql: str) -> None:
    async def held(work: Work) -> list[Claim]:
        return await work.claims.of_owner(OwnerType.LESSON, an_id("les"))

    await store.write(lambda work: work.claims.take([claim(60, 120)]), actor="tests")

    with pytest.raises(IntegrityError, match="resource_claims_never"):
        await store.write(lambda work: work.tx.run(sql), actor="tests")

    assert await store.read(held) == [claim(60, 120)]


@pytest.mark.parametrize(("start", "end"), [(60, 60), (120, 60), (61, 120), (60, 121)], ids=str)
async def test_a_claim_lasts_whole_minutes_and_at_least_one(
    store: Store, start: int, end: int
) -> None:
    async def unit(work: Work) -> None:
        await work.tx.run(INSERT, resource="a", start=start, end=end, owner="x")

    with pytest.raises(IntegrityError, match=r"(?i)CHECK"):
        await store.write(unit, actor="tests")


async def test_an_owner_gives_back_all_that_is_his_and_nothing_else(store: Store) -> None:
    room = claim(0, 60, resource_type=ResourceType.ROOM, resource_id="roo_1")
    mine = [
        claim(0, 60),
        claim(0, 60, resource_type=ResourceType.VEHICLE, resource_id=an_id("veh")),
        claim(0, 60, resource_type=ResourceType.STUDENT, resource_id=an_id("stu")),
        room,
    ]
    other = claim(60, 120, owner_id=an_id("les", 2))

    async def unit(work: Work) -> list[list[Claim]]:
        await work.claims.take([*reversed(mine), other])
        before = await work.claims.of_owner(OwnerType.LESSON, an_id("les"))
        await work.claims.release(OwnerType.LESSON, an_id("les"))
        after = await work.claims.of_owner(OwnerType.LESSON, an_id("les"))
        return [before, after, await work.claims.of_owner(OwnerType.LESSON, other.owner_id)]

    assert await store.write(unit, actor="tests") == [mine, [], [other]]


@pytest.mark.sqlite
async def test_what_an_owner_holds_is_found_without_going_through_the_others(store: Store) -> None:
    def plan(work: Work) -> Any:
        return work.claims.of_owner(OwnerType.LESSON, an_id("les"))

    steps = await plan_of(store, EVERYTHING, plan)

    [step] = [step for step in steps if "resource_claims" in step]
    assert "INDEX resource_claims_by_owner (school_id=? AND owner_type=? AND owner_id=?)" in step
