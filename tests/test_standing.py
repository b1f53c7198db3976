"""What outlives its call: who subscribed sees less one day, or nothing any more."""

from typing import Any

import pytest

from rpcbackend.app import Application
from rpcbackend.lives import OWNER_IDLE_SECONDS
from rpcbackend.schema.users import Role
from rpcbackend.security.principal import LOCAL, NOBODY, Principal
from rpcbackend.security.roles import Permission, Reach
from rpcbackend.security.tokens import LEEWAY_SECONDS, LIFE_SECONDS
from rpcbackend.standing import sight_by
from rpcbackend.store import EVERYTHING, Sight, Work, sight_of
from rpcbackend.testing import CallFailedError, Client, FrozenClock
from tests.callers import add_api_key, add_caller, add_session, connect_as, make_caller, token_for
from tests.factories import an_id

LESSONS, NO_AREA = frozenset({"lessons"}), frozenset[str]()


def holder(reach: Reach, *more: Permission, person_id: str | None = None) -> Principal:
    grants = {Permission.EVENTS_READ: reach, **dict.fromkeys(more, reach)}
    return Principal(kind="user", actor="a", grants=grants, person_id=person_id)


@pytest.mark.parametrize(
    ("principal", "sight"),
    [
        (LOCAL, EVERYTHING),
        (holder(Reach.ALL, *Permission), EVERYTHING),
        (holder(Reach.ALL, Permission.LESSONS_READ), Sight(areas=LESSONS)),
        (holder(Reach.ALL), Sight(areas=NO_AREA)),
        (holder(Reach.OWN, person_id="ins_1"), sight_of("ins_1", NO_AREA)),
        (
            holder(Reach.OWN, Permission.LESSONS_READ, person_id="stu_1"),
            Sight(student_id="stu_1", areas=LESSONS),
        ),
        (holder(Reach.OWN), sight_of(None, NO_AREA)),
        (holder(Reach.OWN_AS_INSTRUCTOR, person_id="ins_1"), sight_of("ins_1", NO_AREA)),
        (holder(Reach.OWN_AS_INSTRUCTOR, person_id="stu_1"), sight_of(None, NO_AREA)),
        (holder(Reach.OWN_AS_STUDENT, person_id="stu_1"), sight_of("stu_1", NO_AREA)),
        (holder(Reach.OWN_AS_STUDENT, person_id="ins_1"), sight_of(None, NO_AREA)),
        (NOBODY, Sight(areas=NO_AREA)),
    ],
)
def test_a_sight_is_as_wide_as_the_permission_that_is_used(
    principal: Principal, sight: Sight
) -> None:
    assert sight_by(principal, Permission.EVENTS_READ) == sight


def test_an_area_that_is_read_less_far_than_the_stream_is_not_told_of() -> None:
    grants = {
        Permission.EVENTS_READ: Reach.ALL,
        Permission.LESSONS_READ: Reach.ALL,
        Permission.STUDENTS_READ: Reach.OWN,
    }

    sight = sight_by(Principal(kind="user", actor="a", grants=grants), Permission.EVENTS_READ)

    assert sight == Sight(areas=LESSONS)


# Subscriptions, through the wire


async def happen(app: Application, event_type: str, **data: str) -> None:
    """Let something happen."""

    async def unit(work: Work) -> None:
        await work.record(event_type, ("lesson", an_id("les"), 1), data)

    await app.store.write(unit, actor="tests")


async def types_seen(app: Application, client: Client) -> list[str]:
    """Return the types of the events that came, once all have come that will."""
    # Who asks again and then reads takes some hops to the thread of this store; these go behind.
    for _ in range(10):
        await app.store.read(lambda work: work.events.head_seq())
    return [client.lines.get_nowait()["params"]["type"] for _ in range(client.lines.qsize())]


async def subscribed(app: Application, *roles: Role, **given: Any) -> Client:
    client = await connect_as(app, 1, *roles, **given)
    await client.call("events.subscribe")
    return client


async def test_a_subscription_ends_with_its_session(app: Application) -> None:
    before = list(app.store.on_commit)
    client = await subscribed(app)
    await happen(app, "lessons.booked")
    assert await types_seen(app, client) == ["lessons.booked"]

    await app.store.write(lambda work: work.sessions.remove(an_id("ses")), actor="tests")
    await happen(app, "lessons.cancelled")

    assert await types_seen(app, client) == []
    assert app.store.on_commit == before


async def test_who_signs_in_next_on_the_connection_did_not_subscribe(app: Application) -> None:
    client = await subscribed(app)
    await add_caller(app.store, 2, Role.OWNER)
    client.server.session_id = (await add_session(app.store, 2)).id

    await app.store.write(lambda work: work.sessions.remove(an_id("ses")), actor="tests")
    await happen(app, "lessons.cancelled")

    assert await types_seen(app, client) == []


async def test_a_subscription_outlives_its_token_but_not_its_session(
    app: Application, clock: FrozenClock
) -> None:
    await add_caller(app.store)
    token = await token_for(app.store, await add_session(app.store))
    client = Client(app)
    await client.call("events.subscribe", _meta={"token": token})

    clock.advance(LIFE_SECONDS + LEEWAY_SECONDS)
    await happen(app, "lessons.booked")
    assert await types_seen(app, client) == ["lessons.booked"]

    await app.store.write(lambda work: work.sessions.remove(an_id("ses")), actor="tests")
    await happen(app, "lessons.cancelled")
    assert await types_seen(app, client) == []


async def test_to_be_sent_events_keeps_no_session_alive(
    app: Application, clock: FrozenClock
) -> None:
    client = await subscribed(app, Role.OWNER)

    clock.advance(OWNER_IDLE_SECONDS - 1)
    await happen(app, "lessons.booked")
    assert await types_seen(app, client) == ["lessons.booked"]
    clock.advance(1)
    await happen(app, "lessons.cancelled")

    assert await types_seen(app, client) == []
    with pytest.raises(CallFailedError) as failed:
        await client.call("branches.list")
    assert failed.value.symbol == "SESSION_EXPIRED"


async def test_a_subscription_of_an_api_key_ends_with_the_key(app: Application) -> None:
    await add_caller(app.store)
    client = Client(app)
    text = await add_api_key(app.store, 1, "lessons:read")
    await client.call("events.subscribe", _meta={"token": text})
    await happen(app, "lessons.booked")
    assert await types_seen(app, client) == ["lessons.booked"]

    await app.store.write(
        lambda work: work.users.put(make_caller(status="disabled")), actor="tests"
    )
    await happen(app, "lessons.cancelled")

    assert await types_seen(app, client) == []


AREAS = ("students", "lessons", "vehicles", "instructors", "branches")
ACCOUNTS = ("users", "sessions", "apikeys", "auth")


@pytest.mark.parametrize(
    ("role", "scopes", "told"),
    [
        (Role.OWNER, (), (*AREAS, *ACCOUNTS, "ledger")),
        (Role.OFFICE, (), AREAS),
        (Role.ACCOUNTANT, (), AREAS),
        (Role.INSTRUCTOR, (), AREAS),
        (Role.STUDENT, (), ("students", "lessons", "instructors", "branches")),
        (Role.OWNER, ("lessons:read",), ("lessons", "vehicles", "instructors", "branches")),
        (Role.OWNER, ("lessons:read", "students:read"), AREAS),
    ],
    ids=["owner", "office", "accountant", "instructor", "student", "lessons", "both"],
)
async def test_events_are_told_to_those_who_may_read_their_area(
    app: Application, role: Role, scopes: tuple[str, ...], told: tuple[str, ...]
) -> None:
    person = {Role.INSTRUCTOR: an_id("ins"), Role.STUDENT: an_id("stu")}.get(role)
    client = await connect_as(app, 1, role, linked_person_id=person)
    meta = {"token": await add_api_key(app.store, 1, *scopes)} if scopes else {}
    await client.call("events.subscribe", _meta=meta)

    for area in (*AREAS, *ACCOUNTS, "ledger"):
        await happen(app, f"{area}.changed", instructorId=an_id("ins"), studentId=an_id("stu"))

    assert await types_seen(app, client) == [f"{area}.changed" for area in told]


async def test_the_desk_s_subscription_ends_when_the_first_user_is_made(app: Application) -> None:
    client = Client(app)
    await client.call("events.subscribe")
    await happen(app, "users.created")
    assert await types_seen(app, client) == ["users.created"]

    await add_caller(app.store)
    await happen(app, "lessons.booked")

    assert await types_seen(app, client) == []


async def test_a_change_of_roles_changes_what_is_sent(app: Application) -> None:
    client = await subscribed(app, Role.OWNER)
    own, others = ({"instructorId": an_id("ins", number)} for number in (1, 2))
    await happen(app, "users.updated")
    await happen(app, "lessons.booked", **others)
    seen = [await types_seen(app, client)]

    for roles in ([Role.OFFICE], [Role.INSTRUCTOR]):
        user = make_caller(1, *roles, linked_person_id=an_id("ins"))
        await app.store.write(lambda work, user=user: work.users.put(user), actor="tests")  # type: ignore[misc]  # mypy cannot see that the default binds
        await happen(app, "users.updated")
        await happen(app, "lessons.booked", **others)
        await happen(app, "lessons.cancelled", **own)
        seen.append(await types_seen(app, client))

    assert seen == [
        ["users.updated", "lessons.booked"],
        ["lessons.booked", "lessons.cancelled"],
        ["lessons.cancelled"],
    ]
