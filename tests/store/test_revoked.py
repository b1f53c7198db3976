"""Who was shut out stays shut out in a restored store, and everybody signs in again."""

from pathlib import Path

import pytest

from rpcbackend.schema.apikeys import ApiKey
from rpcbackend.schema.users import Role, UserStatus
from rpcbackend.store import (
    Command,
    Origin,
    Proofs,
    Store,
    StoredSession,
    Work,
    migrations,
    restore,
    restore_closed,
)
from rpcbackend.store.driver import Opener
from rpcbackend.store.revoked import Revoked, revoked_in
from rpcbackend.testing import FrozenClock
from tests.factories import KEY, an_id, at, store_in
from tests.people import make_user

NOW = at("2026-11-23T08:00:00Z")
OWNER, OFFICE = an_id("usr", 1), an_id("usr", 2)
KEYS = pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])


def nobody(_done: int, _total: int, _message: str) -> None:
    """Hear of progress."""


def make_api_key(name: str) -> ApiKey:
    return ApiKey(
        id=name,
        name=name,
        scopes=["students:read"],
        user_id=OWNER,
        created_at=NOW,
        expires_at=at("2027-11-23T08:00:00Z"),
        revoked_at=None,
        last_used_at=None,
    )


async def fill(work: Work) -> None:
    """Let an owner and his office sign in, and two programs."""
    for number, (user_id, role) in enumerate([(OWNER, Role.OWNER), (OFFICE, Role.OFFICE)]):
        await work.users.put(make_user(id=user_id, login=role.value, roles=[role]))
        await work.credentials.put(Proofs(user_id=user_id, password_hash="hash"))  # noqa: S106 (opens nothing)
        session = StoredSession(
            id=an_id("ses", number),
            user_id=user_id,
            client="tests",
            audience="stdio",
            created_at=1,
            last_seen_at=1,
            password_at=1,
            family=bytes([number]) * 16,
            counter=0,
            rotated_at_ms=0,
        )
        await work.sessions.add(session)
    for name in ("KeptKept", "GoneGone"):
        await work.api_keys.add(make_api_key(name), bytes(32))


async def disable(work: Work, user_id: str) -> None:
    user = await work.users.require(user_id)
    disabled = {"status": UserStatus.DISABLED, "version": user.version + 1}
    await work.users.put(user.model_copy(update=disabled))


async def take_rights_away(work: Work) -> None:
    await work.api_keys.revoke("GoneGone", 1_800_000_000)
    await disable(work, OFFICE)


async def backed_up(directory: Path, key: bytes | None = None) -> Origin:
    """Make a store and a backup of it, and take rights away."""
    async with store_in(directory, key=key) as store:
        await store.write(fill, actor="tests")
        backup = await store.backup("daily")
        await store.write(take_rights_away, actor="tests")
    return Origin(path=backup.path, actor="usr_1", command=Command(channel="tests"))


async def rights_in(store: Store) -> tuple[list[str], list[str], int]:
    """Return who is disabled, what is revoked, and how many sessions there are."""

    async def unit(work: Work) -> tuple[list[str], list[str], int]:
        ids = [OWNER, OFFICE]
        users = [await work.users.require(user_id) for user_id in ids]
        keys = [await work.api_keys.require(name) for name in ("KeptKept", "GoneGone")]
        sessions = [await work.sessions.of_user(user_id) for user_id in ids]
        return (
            [user.id for user in users if user.status is UserStatus.DISABLED],
            [key.id for key in keys if key.revoked_at],
            sum(map(len, sessions)),
        )

    return await store.read(unit)


@KEYS
async def test_a_restore_signs_everybody_out_and_gives_no_right_back(
    tmp_path: Path, key: bytes | None
) -> None:
    origin = await backed_up(tmp_path, key)

    async with store_in(tmp_path, key=key) as store:
        assert await rights_in(store) == ([OFFICE], ["GoneGone"], 2)
        await restore(store, origin, nobody)

        assert await rights_in(store) == ([OFFICE], ["GoneGone"], 0)
        revoked = await store.read(lambda work: work.api_keys.require("GoneGone"))
        assert revoked.revoked_at is not None
        assert revoked.revoked_at.timestamp() == 1_800_000_000


@KEYS
async def test_a_restore_of_a_closed_store_gives_no_right_back_either(
    tmp_path: Path, key: bytes | None
) -> None:
    origin = await backed_up(tmp_path, key)

    await restore_closed(tmp_path, key, origin, clock=FrozenClock(), report=nobody)

    async with store_in(tmp_path, key=key) as store:
        assert await rights_in(store) == ([OFFICE], ["GoneGone"], 0)


async def test_what_a_damaged_store_took_away_is_not_known_but_everybody_signs_in_again(
    tmp_path: Path,
) -> None:
    origin = await backed_up(tmp_path)
    path = tmp_path / "school.db"
    damaged = bytearray(path.read_bytes())
    damaged[4_096 : 4_096 * 20] = bytes(4_096 * 19)
    path.write_bytes(damaged)

    await restore_closed(tmp_path, None, origin, clock=FrozenClock(), report=nobody)

    async with store_in(tmp_path) as store:
        assert await rights_in(store) == ([], [], 0)


async def test_the_last_owner_who_can_sign_in_is_not_shut_out(tmp_path: Path) -> None:
    origin = await backed_up(tmp_path)

    async with store_in(tmp_path) as store:
        await store.write(lambda work: disable(work, OWNER), actor="tests")
        await restore(store, origin, nobody)

        assert await rights_in(store) == ([OFFICE], ["GoneGone"], 0)


def test_a_database_of_before_there_were_users_has_shut_out_nobody(tmp_path: Path) -> None:
    connection = Opener(tmp_path / "old.db", None, may_write=True)()
    migrations.migrate(connection, 0, to=1)
    connection.close()

    assert revoked_in(tmp_path / "old.db", None)(nobody) == Revoked()
