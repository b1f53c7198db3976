"""The feeds as rows, and the lessons that each tells of."""

from datetime import timedelta
from typing import Any

import pytest

from rpcbackend.app import Application
from rpcbackend.schema.feeds import Feed, FeedDetail, FeedKind, FeedLesson
from rpcbackend.schema.lessons import LessonState
from rpcbackend.store import Command, Origin, Store, Work, sight_of
from rpcbackend.store.feeds import CANCELLED_SECONDS
from rpcbackend.testing import running_app
from tests.domain.test_feeds import make_feed
from tests.factories import (
    an_id,
    at,
    make_branch,
    make_instructor,
    make_lesson,
    make_student,
    make_vehicle,
)

NOW = at("2026-11-23T08:00:00Z")
DAY = timedelta(days=1)
TOKEN, OTHER = b"t" * 32, b"o" * 32
OWNERS = {
    FeedKind.INSTRUCTOR: an_id("ins"),
    FeedKind.STUDENT: an_id("stu"),
    FeedKind.VEHICLE: an_id("veh"),
    FeedKind.BRANCH: an_id("bra"),
}


async def add(store: Store, *feeds: Feed, token: bytes = TOKEN) -> None:
    async def unit(work: Work) -> None:
        for number, feed in enumerate(feeds):
            await work.feeds.add(feed, token if number == 0 else bytes([number]) * 32)

    await store.write(unit, actor="tests")


async def open_school(work: Work) -> None:
    await work.branches.put(make_branch())
    await work.instructors.put(make_instructor())
    await work.students.put(make_student(family_name="Groß", given_name="Zoë"))
    await work.vehicles.put(make_vehicle())


def lesson(number: int, **given: Any) -> Any:
    starts_at = given.pop("starts_at", NOW + DAY * number)
    return make_lesson(
        id=an_id("les", number),
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=90),
        vehicle_id=an_id("veh"),
        pickup="Hauptstr. 5",
        **given,
    )


async def told(store: Store, feed: Feed) -> list[FeedLesson]:
    return await store.read(lambda work: work.feeds.lessons(feed, round(NOW.timestamp())))


async def test_a_feed_is_found_by_its_token_alone(store: Store) -> None:
    feed = make_feed()
    await add(store, feed)

    assert await store.read(lambda work: work.feeds.find(TOKEN)) == feed
    assert await store.read(lambda work: work.feeds.find(OTHER)) is None


async def test_another_token_takes_the_place_of_the_first_and_a_change_leaves_it(
    store: Store,
) -> None:
    feed = make_feed()
    await add(store, feed)
    await add(store, feed, token=OTHER)
    revoked = feed.model_copy(update={"revoked_at": NOW})
    await store.write(lambda work: work.feeds.put(revoked), actor="tests")

    assert await store.read(lambda work: work.feeds.find(TOKEN)) is None
    assert await store.read(lambda work: work.feeds.find(OTHER)) == revoked
    assert await store.read(lambda work: work.feeds.live_of(feed.owner_id)) == 0


async def test_a_person_sees_his_own_feeds(store: Store) -> None:
    own = make_feed(id=an_id("fed", 1))
    others = make_feed(id=an_id("fed", 2), owner_id=an_id("ins", 2))
    await add(store, own, others)

    async def unit(work: Work) -> tuple[bytes, Feed | None, Feed | None]:
        return (
            (await work.feeds.list()).json,
            await work.feeds.get(own.id),
            await work.feeds.get(others.id),
        )

    listed, seen, hidden = await store.read(unit, sight=sight_of(an_id("ins")))
    assert listed.decode() == f'{{"items":[{own.model_dump_json()}]}}'
    assert (seen, hidden) == (own, None)
    nobody_s, *_ = await store.read(unit, sight=sight_of(None))
    assert nobody_s == b'{"items":[]}'
    everything, *_ = await store.read(unit)
    assert everything.count(b'"id"') == 2


@pytest.mark.parametrize("kind", FeedKind)
async def test_a_feed_tells_of_the_lessons_of_its_owner_by_start(
    store: Store, kind: FeedKind
) -> None:
    async def unit(work: Work) -> None:
        await open_school(work)
        for number in (2, 1):
            await work.lessons.add(lesson(number))

    await store.write(unit, actor="tests")

    found = await told(store, make_feed(kind=kind, owner_id=OWNERS[kind]))

    assert [each.id for each in found] == [an_id("les", 1), an_id("les", 2)]
    assert (found[0].student, found[0].instructor) == ("Zoë Groß", "Ines Kraft")
    assert (found[0].pickup, found[0].plate) == ("Hauptstr. 5", make_vehicle().plate)
    assert await told(store, make_feed(kind=kind, owner_id="nobody")) == []


@pytest.mark.parametrize("kind", FeedKind)
async def test_of_who_is_only_busy_no_name_leaves_the_database(
    store: Store, kind: FeedKind
) -> None:
    async def unit(work: Work) -> None:
        await open_school(work)
        await work.lessons.add(lesson(1))

    await store.write(unit, actor="tests")

    [found] = await told(
        store, make_feed(kind=kind, owner_id=OWNERS[kind], detail=FeedDetail.BUSY_ONLY)
    )

    assert {found.student, found.instructor, found.plate, found.pickup, found.dropoff} == {None}


async def test_a_feed_has_as_many_days_as_were_asked_for(store: Store) -> None:
    async def unit(work: Work) -> None:
        await open_school(work)
        for number, days in enumerate((-3, -2, 0, 4, 5)):
            await work.lessons.add(lesson(number, starts_at=NOW + DAY * days))

    await store.write(unit, actor="tests")

    found = await told(store, make_feed(past_days=2, future_days=5))

    assert [each.id for each in found] == [an_id("les", number) for number in (1, 2, 3)]


async def test_what_was_cancelled_is_told_for_thirty_days_and_what_was_declined_never(
    store: Store,
) -> None:
    long_ago = timedelta(seconds=CANCELLED_SECONDS)
    ends: list[dict[str, Any]] = [
        {"state": LessonState.CANCELLED, "cancelled_at": NOW - long_ago},
        {"state": LessonState.CANCELLED, "cancelled_at": NOW - long_ago + timedelta(seconds=1)},
        {"state": LessonState.DECLINED},
        {"state": LessonState.EXPIRED},
        {"state": LessonState.COMPLETED},
    ]

    async def unit(work: Work) -> None:
        await open_school(work)
        for number, end in enumerate(ends):
            await work.lessons.add(lesson(number, **end))

    await store.write(unit, actor="tests")

    found = await told(store, make_feed())

    assert [each.id for each in found] == [an_id("les", 1), an_id("les", 4)]


async def test_what_was_revoked_or_has_another_address_since_the_backup_stays_so(
    tmp_path: Any,
) -> None:
    revoked, rotated = make_feed(id=an_id("fed", 1)), make_feed(id=an_id("fed", 2))
    async with running_app(tmp_path) as app:
        await app.open_store()
        await add(app.store, revoked, rotated)
        backup = await app.store.backup("manual")
        await add(app.store, rotated, token=OTHER)
        ended = revoked.model_copy(update={"revoked_at": NOW})
        await app.store.write(lambda work: work.feeds.put(ended), actor="tests")

        await restore(app, backup.path)

        assert await app.store.read(lambda work: work.feeds.find(TOKEN)) == ended
        assert await app.store.read(lambda work: work.feeds.find(bytes([1]) * 32)) is None
        assert await app.store.read(lambda work: work.feeds.find(OTHER)) == rotated


async def restore(app: Application, path: Any) -> None:
    origin = Origin(path=path, actor="tests", command=Command(channel="tests"))
    await app.restore(origin, lambda *_: None, database_key=None)
