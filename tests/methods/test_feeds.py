"""What feeds.* answer, and to whom."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from rpcbackend.app import Application
from rpcbackend.methods.feeds import MOST_LIVE
from rpcbackend.schema.users import Role, UserStatus
from rpcbackend.testing import CallFailedError, Client, FrozenClock
from tests.domain.ical import Component, read
from tests.factories import School, an_id, keyed
from tests.people import add_role, app_for_people, refused, sign_in, signed_in

NOW = "2026-11-23T08:00:00Z"


@pytest.fixture
async def school(client: Client) -> School:
    return await School(client).open()


async def make(client: Client, school: School, **given: Any) -> dict[str, Any]:
    """Make the feed of the school's instructor."""
    params = {"kind": "instructor", "ownerId": school.instructor["id"], "detail": "full"}
    return await client.call("feeds.create", **params | given)


async def calendar(client: Client, token: str) -> Component:
    return read((await client.call("feeds.read", token=token))["ical"])


async def test_create_tells_an_address_once(client: Client, school: School) -> None:
    made = await make(client, school, **keyed("k"))
    again = await make(client, school, **keyed("k"))

    assert made["feed"] == {
        "id": made["feed"]["id"],
        "kind": "instructor",
        "ownerId": school.instructor["id"],
        "detail": "full",
        "pastDays": 30,
        "futureDays": 366,
        "language": "en",
        "madeBy": "local",
        "createdAt": NOW,
        "revokedAt": None,
    }
    assert made["path"] == f"/feeds/{made['token']}.ics"
    assert made["isServed"] is False
    assert again == made | {"token": None, "path": None}
    assert await client.call("feeds.list") == {"items": [made["feed"]]}


async def test_a_dry_run_makes_none_and_shows_no_token(client: Client, school: School) -> None:
    made = await make(client, school, _meta={"dryRun": True})

    assert made["token"] is None
    assert await client.call("feeds.list") == {"items": []}


async def test_read_tells_the_lessons_and_how_they_change(client: Client, school: School) -> None:
    token = (await make(client, school))["token"]
    lesson = await school.book()
    [booked] = (await calendar(client, token)).all("VEVENT")
    await client.call("lessons.reschedule", lessonId=lesson["id"], startsAt="2026-11-25T09:00:00Z")
    [moved] = (await calendar(client, token)).all("VEVENT")
    await client.call("lessons.cancel", lessonId=lesson["id"], by="student", reasonCode="illness")
    [cancelled] = (await calendar(client, token)).all("VEVENT")

    events = (booked, moved, cancelled)
    assert {event.values["UID"] for event in events} == {lesson["id"]}
    assert [event.values["SEQUENCE"] for event in events] == ["0", "1", "2"]
    assert booked.values["DTSTART"] != moved.values["DTSTART"]
    assert [event.values["STATUS"] for event in events] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]


async def test_what_the_caller_has_is_not_told_again(client: Client, school: School) -> None:
    token = (await make(client, school))["token"]
    first = await client.call("feeds.read", token=token)

    same = await client.call("feeds.read", token=token, etag=first["etag"])
    await school.book()
    other = await client.call("feeds.read", token=token, etag=first["etag"])

    assert same == {"ical": None, "etag": first["etag"]}
    assert other["ical"] is not None
    assert other["etag"] != first["etag"]


@pytest.mark.parametrize("kind", ["instructor", "student", "vehicle", "branch"])
async def test_of_who_is_only_busy_nobody_is_named(
    client: Client, school: School, kind: str
) -> None:
    await school.book(pickup="Canary Street")
    owner_id = getattr(school, kind)["id"]
    made = await make(client, school, kind=kind, ownerId=owner_id, detail="busy_only")

    text = (await client.call("feeds.read", token=made["token"]))["ical"]

    names = [
        school.student["familyName"],
        school.student["givenName"],
        school.instructor["familyName"],
        school.instructor["givenName"],
        school.vehicle["plate"],
        school.branch["name"],
        "Canary",
    ]
    assert [name for name in names if name in text] == []
    assert len(read(text).all("VEVENT")) == 1


# Addresses that open nothing


async def failure(client: Client, token: str) -> dict[str, Any]:
    with pytest.raises(CallFailedError) as failed:
        await client.call("feeds.read", token=token)
    told = dict(failed.value.data)
    # They belong to the call.
    del told["correlationId"], told["timestamp"]
    return told


async def test_whatever_opens_nothing_is_answered_the_same(client: Client, school: School) -> None:
    made = await make(client, school)
    revoked = await client.call("feeds.revoke", feedId=made["feed"]["id"])

    assert revoked["feed"]["revokedAt"] == NOW
    assert (revoked["token"], revoked["path"]) == (None, None)
    failures = [await failure(client, token) for token in (made["token"], "x", "rpf_" + "0" * 50)]
    assert failures[0]["code"] == "NOT_FOUND"
    assert failures == failures[:1] * 3
    assert made["token"] not in str(failures)


async def test_another_address_ends_the_one_before_and_brings_a_feed_back(
    client: Client, school: School
) -> None:
    made = await make(client, school)
    feed_id = made["feed"]["id"]
    await client.call("feeds.revoke", feedId=feed_id)

    rotated = await client.call("feeds.revoke", feedId=feed_id, rotate=True)

    assert rotated["feed"] == made["feed"]
    assert rotated["token"] not in (None, made["token"])
    assert (await failure(client, made["token"]))["code"] == "NOT_FOUND"
    assert (await calendar(client, rotated["token"])).kind == "VCALENDAR"


async def test_one_that_is_revoked_already_stays_as_it_is(
    app: Application, client: Client, school: School, clock: FrozenClock
) -> None:
    feed_id = (await make(client, school))["feed"]["id"]
    first = await client.call("feeds.revoke", feedId=feed_id)
    head_seq = app.store.head_seq
    clock.advance(60)

    assert await client.call("feeds.revoke", feedId=feed_id) == first
    assert app.store.head_seq == head_seq


@pytest.mark.parametrize(
    ("kind", "owner_id"),
    [("instructor", "ins"), ("student", "stu"), ("vehicle", "veh"), ("branch", "bra")],
)
async def test_there_is_no_feed_of_what_there_is_not(
    client: Client, school: School, kind: str, owner_id: str
) -> None:
    given = {"kind": kind, "ownerId": an_id(owner_id, 404)}

    with pytest.raises(CallFailedError) as failed:
        await make(client, school, **given)

    assert failed.value.symbol == "NOT_FOUND"
    assert await refused(client, "feeds.revoke", feedId=an_id("fed", 404)) == "NOT_FOUND"


async def test_an_owner_has_a_bound_of_feeds_and_those_revoked_do_not_count(
    client: Client, school: School
) -> None:
    made = [await make(client, school) for _ in range(MOST_LIVE)]

    with pytest.raises(CallFailedError) as failed:
        await make(client, school)

    assert failed.value.symbol == "LIMIT_EXCEEDED"
    await client.call("feeds.revoke", feedId=made[0]["feed"]["id"])
    await make(client, school)


async def test_another_address_of_one_that_was_revoked_counts(
    client: Client, school: School
) -> None:
    revoked = (await make(client, school))["feed"]["id"]
    await client.call("feeds.revoke", feedId=revoked)
    made = [await make(client, school) for _ in range(MOST_LIVE)]

    params = {"feedId": revoked, "rotate": True}
    assert await refused(client, "feeds.revoke", **params) == "LIMIT_EXCEEDED"
    # One that is open takes its own place.
    await client.call("feeds.revoke", feedId=made[0]["feed"]["id"], rotate=True)


# Who made it


@pytest.fixture
async def people(clock: FrozenClock) -> AsyncIterator[Application]:
    async with app_for_people(clock) as app:
        yield app


async def test_an_instructor_makes_his_own_and_sees_no_other(people: Application) -> None:
    owner = await signed_in(people, Role.OWNER)
    school = await School(owner).open()
    other = await owner.call(
        "instructors.save",
        branchId=school.branch["id"],
        givenName="Otto",
        familyName="Lang",
        categories=["B"],
        engagement="employee",
    )
    others = await make(owner, school, ownerId=other["id"])
    instructor = await signed_in(people, Role.INSTRUCTOR, school.instructor["id"])

    made = await make(instructor, school)

    assert (await calendar(instructor, made["token"])).kind == "VCALENDAR"
    assert await instructor.call("feeds.list") == {"items": [made["feed"]]}
    for kind, owner_id in (
        ("instructor", other["id"]),
        ("student", school.student["id"]),
        ("vehicle", school.vehicle["id"]),
        ("branch", school.branch["id"]),
    ):
        params = {"kind": kind, "ownerId": owner_id}
        assert await refused(instructor, "feeds.create", **params) == "NOT_FOUND"
    feed_id = others["feed"]["id"]
    assert await refused(instructor, "feeds.revoke", feedId=feed_id) == "NOT_FOUND"


@pytest.mark.parametrize(
    "change",
    [
        {"status": UserStatus.DISABLED},
        {"roles": [Role.ACCOUNTANT]},
        {"linked_person_id": an_id("ins", 9)},
    ],
    ids=["disabled", "another role", "another person"],
)
async def test_a_feed_opens_nothing_once_its_maker_may_not_see_it_himself(
    people: Application, change: dict[str, Any]
) -> None:
    owner = await signed_in(people, Role.OWNER)
    school = await School(owner).open()
    user = await add_role(people, Role.INSTRUCTOR, school.instructor["id"])
    token = (await make(await sign_in(people, user.login), school))["token"]
    assert (await calendar(owner, token)).kind == "VCALENDAR"

    changed = user.model_copy(update=change)
    await people.store.write(lambda work: work.users.put(changed), actor="tests")

    assert (await failure(owner, token))["code"] == "NOT_FOUND"


async def test_another_address_opens_what_whoever_asked_for_it_may_see(
    people: Application,
) -> None:
    owner = await signed_in(people, Role.OWNER)
    school = await School(owner).open()
    user = await add_role(people, Role.INSTRUCTOR, school.instructor["id"])
    instructor = await sign_in(people, user.login)
    feed_id = (await make(owner, school))["feed"]["id"]

    own = (await instructor.call("feeds.revoke", feedId=feed_id, rotate=True))["token"]
    assert (await calendar(instructor, own)).kind == "VCALENDAR"
    disabled = user.model_copy(update={"status": UserStatus.DISABLED})
    await people.store.write(lambda work: work.users.put(disabled), actor="tests")
    assert (await failure(owner, own))["code"] == "NOT_FOUND"

    # And the office gives one again that opens.
    token = (await owner.call("feeds.revoke", feedId=feed_id, rotate=True))["token"]
    assert (await calendar(owner, token)).kind == "VCALENDAR"


async def test_nobody_has_to_sign_in_to_read(people: Application) -> None:
    owner = await signed_in(people, Role.OWNER)
    token = (await make(owner, await School(owner).open()))["token"]

    assert (await calendar(Client(people), token)).kind == "VCALENDAR"
