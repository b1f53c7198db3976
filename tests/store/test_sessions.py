"""The sessions as rows, and the keys that sign tokens."""

from dataclasses import replace
from typing import Any

import pytest

from rpcbackend.schema.sessions import SessionPage
from rpcbackend.store import Store, StoredSession, Work
from rpcbackend.store.changes import Changes
from rpcbackend.store.driver import IntegrityError
from tests.factories import an_id, at
from tests.people import make_user

USER = an_id("usr")


@pytest.fixture(autouse=True)
async def _user(store: Store) -> None:
    """The user whose sessions they are."""
    await store.write(lambda work: work.users.put(make_user()), actor="tests")


def make_session(number: int = 1, **given: Any) -> StoredSession:
    """Make one of the user's sessions, begun at second 100."""
    fields: dict[str, Any] = {
        "id": an_id("ses", number),
        "user_id": USER,
        "client": "desk",
        "audience": "stdio",
        "created_at": 100,
        "last_seen_at": 100,
        "password_at": 100,
        "family": number.to_bytes(16),
        "counter": 0,
        "rotated_at_ms": 100_000,
    }
    return StoredSession(**fields | given)


async def add(store: Store, *sessions: StoredSession) -> None:
    async def unit(work: Work) -> None:
        for session in sessions:
            await work.sessions.add(session)

    await store.write(unit, actor="tests")


async def test_a_session_is_found_by_id_and_by_family_and_is_ended_once(store: Store) -> None:
    session = make_session()
    await add(store, session)

    assert await store.read(lambda work: work.sessions.get(session.id)) == session
    assert await store.read(lambda work: work.sessions.of_family(session.family)) == session

    ended = [
        await store.write(lambda work: work.sessions.remove(session.id), actor="tests")
        for _ in range(2)
    ]
    assert ended == [True, False]
    assert await store.read(lambda work: work.sessions.get(session.id)) is None
    assert await store.read(lambda work: work.sessions.of_family(session.family)) is None


async def test_a_rotation_keeps_the_newest_counter_and_the_last_use(store: Store) -> None:
    session = make_session()
    await add(store, session)
    rotated = replace(session, counter=1, rotated_at_ms=160_000, last_seen_at=160)

    await store.write(lambda work: work.sessions.rotate(rotated), actor="tests")

    assert await store.read(lambda work: work.sessions.get(session.id)) == rotated


async def test_a_use_is_noted_and_never_goes_back(store: Store) -> None:
    session = make_session()
    await add(store, session)

    for second in (200, 150):
        await store.write(lambda work, at=second: work.sessions.touch(session.id, at), actor="t")  # type: ignore[misc]  # a default in a lambda

    assert await store.read(lambda work: work.sessions.last_seen(at_most=200)) == 200
    assert await store.read(lambda work: work.sessions.last_seen(at_most=199)) == 0


async def test_a_user_s_sessions_come_oldest_first_and_the_old_are_forgotten(
    store: Store,
) -> None:
    old, unused, late, wrong = (
        make_session(1, created_at=10, last_seen_at=400),
        make_session(2, created_at=300, last_seen_at=300),
        make_session(3, created_at=301, last_seen_at=400),
        make_session(4, created_at=302, last_seen_at=401),
    )
    await add(store, late, unused, wrong, old)
    assert await store.read(lambda work: work.sessions.of_user(USER)) == [old, unused, late, wrong]

    await store.write(
        lambda work: work.sessions.forget_over(USER, created_by=10, seen_by=300, seen_until=400),
        actor="tests",
    )

    assert await store.read(lambda work: work.sessions.of_user(USER)) == [late]


async def test_those_that_are_not_over_are_listed_by_last_use(store: Store) -> None:
    sessions = [
        make_session(1, created_at=10, last_seen_at=400),
        make_session(2, created_at=20, last_seen_at=300),
        make_session(3, created_at=20, last_seen_at=500),
        make_session(4, created_at=20, last_seen_at=400),
        make_session(5, created_at=20, last_seen_at=501),
    ]
    await add(store, *sessions)

    page = await store.read(
        lambda work: work.sessions.list(USER, created_after=10, seen_after=300, seen_until=500)
    )

    listed = SessionPage.model_validate_json(page.json).items
    assert listed == [sessions[2].shown(), sessions[3].shown()]
    assert listed[0].created_at == at("1970-01-01T00:00:20Z")


async def test_the_database_itself_keeps_families_apart(store: Store) -> None:
    await add(store, make_session(1))

    with pytest.raises(IntegrityError, match=r"(?i)UNIQUE"):
        await add(store, make_session(2, family=(1).to_bytes(16)))


async def test_for_the_audit_a_session_is_what_others_may_see_of_it(store: Store) -> None:
    session = make_session()
    rotated = replace(session, counter=1, last_seen_at=160)
    shown, later = session.shown().model_dump_json(), rotated.shown().model_dump_json()

    async def unit(work: Work) -> list[Any]:
        seen = []
        for change in (
            work.sessions.add(session),
            work.sessions.rotate(replace(session, counter=1)),
            work.sessions.rotate(rotated),
            work.sessions.remove(session.id),
            work.sessions.remove(session.id),
            work.sessions.add(session),
            work.sessions.forget_over(USER, created_by=100, seen_by=0, seen_until=400),
        ):
            work.tx.changes = Changes()
            await change
            seen.append([(before, after) for _, before, after in work.tx.changes])
        return seen

    assert await store.write(unit, actor="tests") == [
        [(None, shown)],
        [],
        [(shown, later)],
        [(later, None)],
        [],
        [(None, shown)],
        [(shown, None)],
    ]


async def test_keys_are_kept_by_purpose_the_newest_last(store: Store) -> None:
    async def unit(work: Work) -> list[Any]:
        keys = work.sessions
        assert await keys.newest_signing_key("access") is None
        for kid, purpose, second in (
            ("b", "access", 1),
            ("a", "access", 2),
            ("c", "access", 3),
            ("r", "refresh", 4),
        ):
            await keys.add_signing_key(kid, purpose, kid.encode() * 32, second)  # type: ignore[arg-type]  # the table's texts
        newest = await keys.newest_signing_key("access")
        assert newest is not None
        await keys.drop_signing_keys("access", but=("a", "c"))
        kept = [*await keys.signing_keys("access"), *await keys.signing_keys("refresh")]
        return [newest.kid, newest.created_at, kept]

    assert await store.write(unit, actor="tests") == ["c", 3, ["a", "c", "r"]]
