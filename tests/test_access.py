"""Who calls, what is remembered of it, and when that is forgotten."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import pytest

from rpcbackend import access as access_module
from rpcbackend.access import BAD_BURST, TOUCH_SECONDS, Access
from rpcbackend.app import Application
from rpcbackend.errors import (
    DiskFullError,
    RateLimitedError,
    SessionExpiredError,
    UnauthenticatedError,
)
from rpcbackend.lives import (
    ABSOLUTE_SECONDS,
    AHEAD_SECONDS,
    DAY,
    IDLE_SECONDS,
    OWNER_ABSOLUTE_SECONDS,
    OWNER_IDLE_SECONDS,
    SETTLED_AHEAD_SECONDS,
)
from rpcbackend.schema.users import Role, UserStatus
from rpcbackend.security.principal import LOCAL, NOBODY, Principal
from rpcbackend.security.roles import GRANTS, Permission, Reach
from rpcbackend.security.tokens import LEEWAY_SECONDS, LIFE_SECONDS, Audience
from rpcbackend.store import Store, Work
from rpcbackend.testing import CallFailedError, Client, FrozenClock
from tests.callers import (
    BEGAN,
    NOW,
    add_api_key,
    add_caller,
    add_session,
    connect_as,
    connected,
    key_text,
    make_caller,
    make_session,
    token_for,
)
from tests.clauses import clause
from tests.factories import an_id, at, events_in, save_branch, store_in
from tests.machine import NOW_MS

T = TypeVar("T")
HOUR = 3_600
BRANCH = {"name": "Mitte", "zone": "Europe/Berlin", "currency": "EUR"}


@dataclass
class Caller:
    """A connection."""

    session_id: str | None = None
    audience: Audience = "stdio"
    is_desk: bool = True
    id: str = "con_1"
    source: str = "con_1"


SIGNED_IN = Caller(session_id=an_id("ses"))


@pytest.fixture
def access(clock: FrozenClock) -> Access:
    """What is tested, with nothing remembered."""
    return Access(clock)


async def in_store(store: Store, unit: Callable[[Work], Awaitable[T]]) -> T:
    return await store.write(unit, actor="tests")


async def remove_session(work: Work) -> None:
    await work.sessions.remove(an_id("ses"))


# Without users


async def test_the_desk_of_a_school_without_users_may_everything(
    access: Access, store: Store
) -> None:
    assert await access.identify(store, Caller(), None) is LOCAL


async def test_who_comes_by_another_door_is_nobody(access: Access, store: Store) -> None:
    assert await access.identify(store, Caller(audience="http", is_desk=False), None) is NOBODY


async def test_from_the_first_user_on_the_desk_is_nobody(access: Access, store: Store) -> None:
    assert await access.identify(store, Caller(), None) is LOCAL

    await add_caller(store)

    assert await access.identify(store, Caller(), None) is NOBODY


# Sessions


async def test_a_session_is_its_user_with_his_grants_and_his_person(
    access: Access, store: Store
) -> None:
    await add_caller(store, 1, Role.INSTRUCTOR, linked_person_id=an_id("ins"))
    await add_session(store, password_at=NOW - 7)

    assert await access.identify(store, SIGNED_IN, None) == Principal(
        kind="user",
        actor=an_id("usr"),
        grants={Permission.SIGNED_IN: Reach.ALL, **GRANTS[Role.INSTRUCTOR]},
        session_id=an_id("ses"),
        person_id=an_id("ins"),
        password_at=NOW - 7,
    )


async def test_what_was_looked_up_is_remembered(access: Access, store: Store) -> None:
    await add_caller(store)
    await add_session(store)
    assert access.known(SIGNED_IN, None) is None

    principal = await access.identify(store, SIGNED_IN, None)

    assert access.known(SIGNED_IN, None) is principal


async def test_a_session_that_never_was_is_over(access: Access, store: Store) -> None:
    with pytest.raises(SessionExpiredError):
        await access.identify(store, SIGNED_IN, None)


class Life(NamedTuple):
    """How long a session of a user of these roles lives."""

    roles: list[Role]
    idle: int
    absolute: int


LIVES = pytest.mark.parametrize(
    "life",
    [
        Life([Role.OFFICE], 14 * DAY, 30 * DAY),
        Life([Role.OWNER], 30 * 60, 12 * 3600),
        Life([Role.STUDENT, Role.OWNER], 30 * 60, 12 * 3600),
    ],
    ids=["anybody", "the owner", "an owner who is more"],
)


@LIVES
@pytest.mark.parametrize("is_remembered", [True, False])
async def test_a_session_ends_when_it_was_idle_too_long(
    store: Store, clock: FrozenClock, access: Access, life: Life, is_remembered: bool
) -> None:
    await add_caller(store, 1, *life.roles)
    await add_session(store)
    if is_remembered:
        await access.identify(store, SIGNED_IN, None)

    clock.advance(life.idle - 1)
    assert (await access.identify(store, SIGNED_IN, None)).kind == "user"
    clock.advance(life.idle)

    assert access.known(SIGNED_IN, None) is None
    with pytest.raises(SessionExpiredError):
        await access.identify(store, SIGNED_IN, None)


@LIVES
async def test_a_session_ends_at_last_however_busy_it_is(
    store: Store, clock: FrozenClock, access: Access, life: Life
) -> None:
    await add_caller(store, 1, *life.roles)
    await add_session(store)

    passed = 0
    while passed < life.absolute:
        assert (await access.identify(store, SIGNED_IN, None)).kind == "user"
        step = min(life.idle, life.absolute - passed) - 1 or 1
        clock.advance(step)
        passed += step

    with pytest.raises(SessionExpiredError):
        await access.identify(store, SIGNED_IN, None)


def test_the_lives_of_sessions_are_those_of_the_specification() -> None:
    assert (IDLE_SECONDS, ABSOLUTE_SECONDS) == (14 * DAY, 30 * DAY)
    assert (OWNER_IDLE_SECONDS, OWNER_ABSOLUTE_SECONDS) == (30 * 60, 12 * 3600)


async def test_to_look_is_no_use(store: Store, clock: FrozenClock, access: Access) -> None:
    await add_caller(store, 1, Role.OWNER)
    await add_session(store)
    await access.identify(store, SIGNED_IN, None)

    clock.advance(OWNER_IDLE_SECONDS - 1)
    assert access.known(SIGNED_IN, None, is_use=False) is not None
    assert (await access.identify(store, SIGNED_IN, None, is_use=False)).kind == "user"
    clock.advance(1)

    with pytest.raises(SessionExpiredError):
        await access.identify(store, SIGNED_IN, None)


async def test_a_clock_that_is_set_back_revives_nothing(
    store: Store, clock: FrozenClock, access: Access
) -> None:
    await add_caller(store)
    await add_session(store)
    await access.identify(store, SIGNED_IN, None)
    clock.advance(IDLE_SECONDS)
    assert access.known(SIGNED_IN, None) is None

    clock.set_wall(-IDLE_SECONDS)

    with pytest.raises(SessionExpiredError):
        await access.identify(store, SIGNED_IN, None)


@pytest.mark.parametrize("ahead", [OWNER_IDLE_SECONDS - 1, 3 * 365 * DAY], ids=["some", "3 years"])
async def test_time_goes_on_for_sessions_while_the_clock_is_behind_what_it_was(
    store: Store, clock: FrozenClock, access: Access, ahead: int
) -> None:
    """A clock that was ahead and set back must not give anybody the time in between."""
    await add_caller(store, 1, Role.OWNER)
    clock.set_wall(ahead)
    began = access.now()
    await add_session(store, created_at=began, last_seen_at=began)
    await access.identify(store, SIGNED_IN, None)

    clock.set_wall(-ahead)
    clock.advance(OWNER_IDLE_SECONDS - 1)
    assert access.now() == began + OWNER_IDLE_SECONDS - 1
    assert access.known(SIGNED_IN, None, is_use=False) is not None
    clock.advance(1)

    with pytest.raises(SessionExpiredError):
        await access.identify(store, SIGNED_IN, None)


async def test_time_goes_on_in_steps_shorter_than_any_unit(
    clock: FrozenClock, access: Access
) -> None:
    clock.set_wall(DAY)
    access.now()
    clock.set_wall(-DAY)

    for _ in range(4_096):
        clock.advance(1 / 4_096)
        access.now()

    assert access.now() == NOW + DAY + 1


async def test_a_clock_that_was_set_back_before_the_start_revives_nothing(
    store: Store, clock: FrozenClock, access: Access
) -> None:
    """The last use of any session is a time that certainly was."""
    await add_caller(store, 1, Role.OWNER)
    await add_session(store)
    await add_caller(store, 2)
    await add_session(store, 2, last_seen_at=NOW + AHEAD_SECONDS)

    with pytest.raises(SessionExpiredError):
        await access.identify(store, SIGNED_IN, None)

    assert access.now() == NOW + AHEAD_SECONDS
    clock.advance(7)
    assert access.now() == NOW + AHEAD_SECONDS + 7


async def test_a_clock_that_was_years_ahead_once_ends_what_was_used_then_and_nothing_else(
    store: Store, access: Access
) -> None:
    await add_caller(store)
    await add_session(store)
    await add_caller(store, 2)
    await add_session(store, 2, last_seen_at=NOW + AHEAD_SECONDS + 1)
    text = await add_api_key(store, 1, "lessons:read")

    with pytest.raises(SessionExpiredError):
        await access.identify(store, Caller(session_id=an_id("ses", 2)), None)

    assert (await access.identify(store, SIGNED_IN, None)).kind == "user"
    assert (await access.identify(store, Caller(), text)).kind == "api_key"
    assert access.now() == NOW


@pytest.mark.parametrize("back", [HOUR, 10 * DAY], ids=["an hour", "ten days"])
async def test_what_expired_unused_does_not_live_again_after_a_start_with_the_clock_set_back(
    store: Store, clock: FrozenClock, access: Access, back: int
) -> None:
    """The store noted the time when nobody was there; see `Watch.note_time`."""
    await add_caller(store)
    await add_session(store)
    text = await add_api_key(store, 1, "lessons:read", expires_at=at("2026-11-24T08:00:00Z"))
    clock.advance(IDLE_SECONDS)
    late = access.now()
    await in_store(store, lambda work: work.latest_time.note(late, most=late + DAY))

    clock.set_wall(-back)
    again = Access(clock)

    for caller, token in ((SIGNED_IN, None), (Caller(), text)):
        with pytest.raises(SessionExpiredError):
            await again.identify(store, caller, token)
    assert again.now() == late


async def test_a_time_that_was_noted_and_is_wrong_by_far_ends_nothing(
    store: Store, clock: FrozenClock
) -> None:
    await add_caller(store)
    await add_session(store)
    wrong = NOW + SETTLED_AHEAD_SECONDS + 1
    await in_store(store, lambda work: work.latest_time.note(wrong, most=wrong))

    access = Access(clock)

    assert (await access.identify(store, SIGNED_IN, None)).kind == "user"
    assert access.now() == NOW


# What is changed is forgotten at once


async def disable(work: Work) -> None:
    await work.users.put(make_caller(status=UserStatus.DISABLED))


@clause("access-ends-at-once")
@pytest.mark.parametrize("change", [remove_session, disable])
async def test_who_is_shut_out_is_refused_on_the_very_next_call(
    app: Application, change: Callable[[Work], Awaitable[None]]
) -> None:
    client = await connect_as(app, 1)
    assert await client.call("branches.list") == {"items": []}

    await in_store(app.store, change)

    with pytest.raises(CallFailedError) as failed:
        await client.call("branches.list")
    assert failed.value.symbol == "SESSION_EXPIRED"


@clause("access-ends-at-once")
async def test_a_change_of_roles_holds_on_the_very_next_call(app: Application) -> None:
    client = await connect_as(app, 1, Role.OWNER)
    branch = await save_branch(client)

    await in_store(app.store, lambda work: work.users.put(make_caller(1, Role.ACCOUNTANT)))

    assert await client.call("branches.list") == {"items": [branch]}
    with pytest.raises(CallFailedError) as failed:
        await save_branch(client)
    assert failed.value.symbol == "FORBIDDEN"


class Overtaken:
    """A store whose next answers are overtaken by a change."""

    def __init__(self, store: Store, change: Callable[[Work], Awaitable[Any]], reads: int) -> None:
        self._store, self._change, self._reads = store, change, reads
        self.on_access_change = store.on_access_change

    async def read(self, unit: Callable[[Work], Awaitable[Any]]) -> Any:
        """Read, and let the change be made before anybody hears what was read."""
        answer = await self._store.read(unit)
        self._reads -= 1
        if self._reads == 0:
            await in_store(self._store, self._change)
        return answer


@pytest.mark.parametrize("reads", [1, 2], ids=["while it learns the keys", "the session"])
async def test_a_look_up_that_began_before_a_revocation_is_not_remembered(
    access: Access, store: Store, reads: int
) -> None:
    await add_caller(store)
    await add_session(store)
    overtaken: Any = Overtaken(store, remove_session, reads)

    with pytest.raises(SessionExpiredError):
        await access.identify(overtaken, SIGNED_IN, None)

    assert access.known(SIGNED_IN, None) is None


async def test_the_desk_loses_its_rights_even_to_a_user_made_while_it_is_looked_at(
    access: Access, store: Store
) -> None:
    overtaken: Any = Overtaken(store, lambda work: work.users.put(make_caller()), 1)

    assert await access.identify(overtaken, Caller(), None) is NOBODY


async def test_a_look_up_of_a_key_that_began_before_its_revocation_is_not_remembered(
    access: Access, store: Store
) -> None:
    await add_caller(store)
    text = await add_api_key(store, 1, "lessons:read")

    async def revoke(work: Work) -> None:
        key, sha256 = await work.api_keys.get(text[4:12]) or (None, b"")
        assert key is not None
        await work.api_keys.add(key.model_copy(update={"revoked_at": at(BEGAN)}), sha256)

    overtaken: Any = Overtaken(store, revoke, 2)

    with pytest.raises(SessionExpiredError):
        await access.identify(overtaken, Caller(), text)


async def test_another_store_begins_with_nothing_remembered(access: Access, store: Store) -> None:
    assert await access.identify(store, Caller(), None) is LOCAL

    async with store_in(None) as other:
        await add_caller(other)

        assert await access.identify(other, Caller(), None) is NOBODY


async def test_only_so_many_are_remembered(
    access: Access, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_module, "MAX_REMEMBERED", 2)
    callers = []
    for number in range(1, 6):
        await add_caller(store, number)
        await add_session(store, number)
        callers.append(Caller(session_id=an_id("ses", number)))

    for caller in callers:
        await access.identify(store, caller, None)

    remembered = [access.known(caller, None) is not None for caller in callers]
    assert remembered == [False, False, False, False, True]
    assert (await access.identify(store, callers[0], None)).actor == an_id("usr", 1)


# Order


@clause("writes-in-arrival-order")
async def test_calls_that_wait_for_a_look_up_are_answered_in_their_order(
    app: Application, store: Store
) -> None:
    client = await connect_as(app, 1, Role.OWNER)

    replies = [client.start("branches.save", BRANCH) for _ in range(10)]
    async with asyncio.timeout(30):
        made = [(await reply)["result"]["id"] for reply in replies]

    assert [event["aggregate"]["id"] for event in await events_in(store)] == made


async def test_who_is_remembered_does_not_overtake_who_is_looked_up(
    app: Application, store: Store
) -> None:
    client = await connect_as(app, 1, Role.OWNER)
    await client.call("branches.list")
    token = await token_for(store, make_session())
    await client.call("branches.list")

    replies = [
        client.start("branches.save", BRANCH | given)
        for given in ({}, {"_meta": {"token": token}}, {}, {"_meta": {"token": token}}, {})
    ]
    async with asyncio.timeout(30):
        made = [(await reply)["result"]["id"] for reply in replies]

    assert [event["aggregate"]["id"] for event in await events_in(store)] == made


# Tokens


@clause("meta-token-overrides")
async def test_a_token_is_its_session_and_overrides_that_of_the_connection(
    app: Application, store: Store
) -> None:
    client = await connect_as(app, 1, Role.OWNER)
    await add_caller(store, 2, Role.OWNER)
    token = await token_for(store, await add_session(store, 2))

    for meta in ({"token": token}, {}, {"token": token}):
        await save_branch(client, _meta=meta)

    actors = [event["actor"] for event in await events_in(store)]
    assert actors == [an_id("usr", 2), an_id("usr", 1), an_id("usr", 2)]


@pytest.mark.parametrize("late", [0, LEEWAY_SECONDS - 1])
@pytest.mark.parametrize("is_remembered", [True, False])
async def test_a_token_is_good_for_its_life_and_a_moment_more(
    access: Access, store: Store, clock: FrozenClock, late: int, is_remembered: bool
) -> None:
    """A token in its last moment was verified again and again, for good."""
    await add_caller(store)
    token = await token_for(store, await add_session(store))
    if is_remembered:
        await access.identify(store, Caller(), token)
    clock.advance(LIFE_SECONDS + late)

    async with asyncio.timeout(30):
        principal = await access.identify(store, Caller(), token)

    assert principal.session_id == an_id("ses")


@pytest.mark.parametrize("is_remembered", [True, False])
async def test_a_token_that_is_too_old_is_to_be_refreshed(
    access: Access, store: Store, clock: FrozenClock, is_remembered: bool
) -> None:
    await add_caller(store)
    token = await token_for(store, await add_session(store))
    if is_remembered:
        await access.identify(store, Caller(), token)
    clock.advance(LIFE_SECONDS + LEEWAY_SECONDS)

    assert access.known(Caller(), token) is None
    with pytest.raises(SessionExpiredError, match="refresh"):
        await access.identify(store, Caller(), token)


async def test_a_token_whose_session_is_over_is_refused(access: Access, store: Store) -> None:
    await add_caller(store)
    token = await token_for(store, await add_session(store))
    await access.identify(store, Caller(), token)

    await in_store(store, remove_session)

    with pytest.raises(SessionExpiredError):
        await access.identify(store, Caller(), token)


async def test_a_token_for_another_door_opens_none(access: Access, store: Store) -> None:
    await add_caller(store)
    token = await token_for(store, await add_session(store))
    await access.identify(store, Caller(), token)

    with pytest.raises(UnauthenticatedError):
        await access.identify(store, Caller(audience="http"), token)


@pytest.mark.parametrize("token", ["", "x", "rpk_x", "a.b.c", key_text()[:-1] + "-"])
async def test_what_is_no_token_of_ours_is_refused(
    access: Access, store: Store, token: str
) -> None:
    with pytest.raises(UnauthenticatedError):
        await access.identify(store, Caller(), token)


async def test_a_token_of_another_signer_is_refused(access: Access, store: Store) -> None:
    await add_caller(store)
    token = await token_for(store, await add_session(store), key=bytes([1] * 32))

    with pytest.raises(UnauthenticatedError):
        await access.identify(store, Caller(), token)


# API keys


async def test_an_api_key_is_its_scopes_as_far_as_its_maker_goes(
    access: Access, store: Store
) -> None:
    await add_caller(store, 1, Role.INSTRUCTOR, linked_person_id=an_id("ins"))
    text = await add_api_key(
        store, 1, "lessons:book", "students:write", "audit:read", "ledger:read"
    )

    assert await access.identify(store, SIGNED_IN, text) == Principal(
        kind="api_key",
        actor=f"key_{text[4:12]}",
        grants=dict.fromkeys(
            [Permission.LESSONS_BOOK, Permission.LESSONS_CANCEL], Reach.OWN_AS_INSTRUCTOR
        ),
        person_id=an_id("ins"),
    )


async def test_an_api_key_loses_what_its_maker_loses(access: Access, store: Store) -> None:
    await add_caller(store, 1, Role.OWNER)
    text = await add_api_key(store, 1, "audit:read")
    before = await access.identify(store, Caller(), text)

    await in_store(store, lambda work: work.users.put(make_caller(1, Role.OFFICE)))

    assert before.grants == {Permission.AUDIT_READ: Reach.ALL}
    assert (await access.identify(store, Caller(), text)).grants == {}


@pytest.mark.parametrize(
    ("of_key", "of_user"),
    [
        ({"expires_at": at(BEGAN)}, {}),
        ({"revoked_at": at(BEGAN)}, {}),
        ({}, {"status": UserStatus.DISABLED}),
    ],
    ids=["expired", "revoked", "its maker disabled"],
)
async def test_an_api_key_ends(
    access: Access, store: Store, of_key: dict[str, Any], of_user: dict[str, Any]
) -> None:
    await add_caller(store, **of_user)
    text = await add_api_key(store, 1, "lessons:read", **of_key)

    with pytest.raises(SessionExpiredError):
        await access.identify(store, Caller(), text)


async def test_an_api_key_is_good_until_the_second_it_expires(
    access: Access, store: Store, clock: FrozenClock
) -> None:
    await add_caller(store)
    text = await add_api_key(store, 1, "lessons:read", expires_at=at("2026-11-25T08:00:00Z"))
    await access.identify(store, Caller(), text)

    clock.advance(2 * DAY - 1)
    assert access.known(Caller(), text) is not None
    clock.advance(1)

    with pytest.raises(SessionExpiredError):
        await access.identify(store, Caller(), text)


async def test_a_key_with_another_secret_is_as_unknown_as_one_that_never_was(
    access: Access, store: Store
) -> None:
    await add_caller(store)
    text = await add_api_key(store, 1, "lessons:read")
    key, _ = await store.read(lambda work: work.api_keys.get(text[4:12])) or (None, b"")
    assert key is not None
    await in_store(store, lambda work: work.api_keys.add(key, bytes(32)))

    refusals = []
    for presented in (text, key_text(2)):
        with pytest.raises(UnauthenticatedError) as refused:
            await access.identify(store, Caller(), presented)
        refusals.append(refused.value.message)

    assert refusals[0] == refusals[1]


# What the store learns of use


async def last_seen(store: Store) -> int:
    session = await store.read(lambda work: work.sessions.get(an_id("ses")))
    assert session is not None
    return session.last_seen_at


async def last_used(store: Store, text: str) -> int | None:
    stored = await store.read(lambda work: work.api_keys.get(text[4:12]))
    assert stored is not None
    used_at = stored.key.last_used_at
    return None if used_at is None else int(used_at.timestamp())


async def test_the_store_learns_of_use_once_a_minute_and_of_the_last_at_the_end(
    access: Access, store: Store, clock: FrozenClock
) -> None:
    await add_caller(store)
    await add_session(store)
    text = await add_api_key(store, 1, "lessons:read")

    learned = []
    for _ in range(4):
        await access.identify(store, SIGNED_IN, None)
        await access.identify(store, Caller(), text)
        # What is written beside the calls was queued before this read.
        await asyncio.sleep(0)
        learned.append((await last_seen(store) - NOW, await last_used(store, text)))
        clock.advance(TOUCH_SECONDS / 2)
    clock.advance(-1)
    await access.identify(store, SIGNED_IN, None)
    await access.identify(store, Caller(), text)
    await access.settle()
    learned.append((await last_seen(store) - NOW, await last_used(store, text)))

    assert learned == [
        (0, None),
        (0, None),
        (60, NOW + 60),
        (60, NOW + 60),
        (119, NOW + 119),
    ]


async def test_that_a_session_is_used_is_nothing_to_be_refused_for(
    access: Access, store: Store, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def disk_is_full(*_: Any, **__: Any) -> None:
        raise DiskFullError

    await add_caller(store)
    await add_session(store)
    await access.identify(store, SIGNED_IN, None)
    monkeypatch.setattr(store, "write", disk_is_full)
    clock.advance(TOUCH_SECONDS)

    assert (await access.identify(store, SIGNED_IN, None)).kind == "user"
    await access.settle()


async def test_the_use_of_a_session_outlives_the_process(app: Application) -> None:
    session = make_session(last_seen_at=NOW - 30)
    await add_caller(app.store)
    await in_store(app.store, lambda work: work.sessions.add(session))
    await connected(app, session).call("branches.list")

    await app.access.settle()

    assert await last_seen(app.store) == NOW


async def test_before_there_is_a_store_there_is_nothing_to_settle(access: Access) -> None:
    await access.settle()

    assert access.known(Caller(), None) is None
    assert access.now() == NOW_MS // 1_000


async def test_a_connection_that_signed_in_is_its_session_for_every_call(app: Application) -> None:
    client, other = await connect_as(app, 1), Client(app)

    assert await client.call("branches.list") == {"items": []}
    with pytest.raises(CallFailedError) as failed:
        await other.call("branches.list")

    assert failed.value.symbol == "UNAUTHENTICATED"


# Garbage


async def test_garbage_is_looked_up_so_often_and_keeps_out_its_own_connection_alone(
    store: Store, clock: FrozenClock, access: Access
) -> None:
    await add_caller(store)
    text = await add_api_key(store, 1, "lessons:read")
    for number in range(BAD_BURST):
        with pytest.raises(UnauthenticatedError):
            await access.identify(store, Caller(), f"garbage {number}")

    with pytest.raises(RateLimitedError) as refused:
        await access.identify(store, Caller(), "garbage")
    assert refused.value.retry_after_ms == 200
    assert (
        await access.identify(store, Caller(id="con_2", source="con_2"), text)
    ).kind == "api_key"
    assert (await access.identify(store, Caller(), text)).kind == "api_key"

    clock.advance(0.2)
    with pytest.raises(UnauthenticatedError):
        await access.identify(store, Caller(), "garbage")


async def test_who_is_known_does_not_wait_for_what_another_connection_looks_up(
    store: Store, access: Access
) -> None:
    await add_caller(store)
    await add_session(store)
    await access.identify(store, SIGNED_IN, None)

    unknown = Caller(id="con_2", source="con_2", session_id=an_id("ses", 9))
    waiting = asyncio.ensure_future(access.identify(store, unknown, None))
    await asyncio.sleep(0)

    assert not waiting.done()
    assert access.known(unknown, None) is None
    assert access.known(SIGNED_IN, None) is not None
    with pytest.raises(SessionExpiredError):
        await waiting
