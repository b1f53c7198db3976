"""What users prove themselves with, as rows."""

from dataclasses import replace
from typing import Any

import pytest

from rpcbackend.store import Proofs, Store, Work
from rpcbackend.store.changes import Changes
from tests.factories import an_id
from tests.people import SECRET, make_user, quick_hash

USER = an_id("usr")


@pytest.fixture(autouse=True)
async def _user(store: Store) -> None:
    """The user whose proofs they are."""
    await store.write(lambda work: work.users.put(make_user()), actor="tests")


async def test_who_never_chose_a_password_has_nothing(store: Store) -> None:
    assert await store.read(lambda work: work.credentials.get(USER)) == Proofs(user_id=USER)


async def test_proofs_are_read_back_and_replaced_whole(store: Store) -> None:
    first = Proofs(user_id=USER, password_hash=quick_hash("a"), mfa_pending="p")
    second = Proofs(user_id=USER, password_hash=quick_hash("b"), mfa_secret=SECRET, mfa_step=7)

    for proofs in (first, second):
        await store.write(lambda work, new=proofs: work.credentials.put(new), actor="tests")  # type: ignore[misc]  # a default in a lambda
        assert await store.read(lambda work: work.credentials.get(USER)) == proofs


async def test_a_recovery_code_is_used_once_and_new_ones_replace_the_old(store: Store) -> None:
    async def unit(work: Work) -> list[object]:
        codes = work.credentials
        await codes.replace_recovery_codes(USER, [b"a", b"b"])
        seen: list[object] = [await codes.use_recovery_code(USER, b"a")]
        seen.append(await codes.use_recovery_code(USER, b"a"))
        seen.append(await codes.recovery_codes(USER))
        await codes.replace_recovery_codes(USER, [b"c"])
        seen.append(await codes.recovery_codes(USER))
        return seen

    assert await store.write(unit, actor="tests") == [True, False, [b"b"], [b"c"]]


async def test_the_audit_hears_that_they_changed_and_nothing_of_what_they_are(
    store: Store,
) -> None:
    none, some, other = None, f'{{"userId":"{USER}"}}', f'{{"userId":"{USER}","isChanged":true}}'
    proofs = Proofs(user_id=USER, password_hash=quick_hash("a"), mfa_secret=SECRET)

    async def unit(work: Work) -> list[Any]:
        seen = []
        for change in (
            work.credentials.put(proofs),
            work.credentials.put(replace(proofs, password_hash=quick_hash("b"))),
            work.credentials.replace_recovery_codes(USER, [b"a", b"b"]),
            work.credentials.use_recovery_code(USER, b"a"),
            work.credentials.use_recovery_code(USER, b"a"),
            work.credentials.note_misses("ada", 1, 1_000),
        ):
            work.tx.changes = Changes()
            await change
            seen.append(list(work.tx.changes))
        return seen

    record = ("credentials", USER)
    changed = [(record, some, other)]
    assert await store.write(unit, actor="tests") == [
        [(record, none, other)],
        changed,
        changed,
        changed,
        [],
        [],
    ]


async def test_misses_are_counted_by_login_however_it_is_written_and_forgotten(
    store: Store,
) -> None:
    async def unit(work: Work) -> list[tuple[int, int]]:
        misses = work.credentials
        await misses.note_misses("Ada", 3, 1_000)
        await misses.note_misses("ada ", 4, 2_000)
        await misses.note_misses("eva", 1, 1_000)
        seen = [await misses.misses("ADA")]
        await misses.forget_misses(before_ms=2_000)
        seen += [await misses.misses("ada"), await misses.misses("eva")]
        await misses.drop_misses("ada")
        return [*seen, await misses.misses("ada")]

    assert await store.write(unit, actor="tests") == [(4, 2_000), (4, 2_000), (0, 0), (0, 0)]


async def test_the_counters_of_a_login_count_by_themselves_and_stay_at_0(store: Store) -> None:
    async def unit(work: Work) -> list[object]:
        misses = work.credentials
        seen: list[object] = [await misses.knows("ada", "desk")]
        await misses.note_misses("Ada", 0, 1_000, "desk")
        await misses.note_misses("adadesk", 3, 3_000)
        await misses.note_misses("ada", 4, 1_000, "other")
        await misses.forget_misses(before_ms=2_000)
        return [
            *seen,
            await misses.knows("ada", "desk"),
            await misses.knows("ada", "other"),
            await misses.misses("ada", "desk"),
            await misses.misses("ada"),
        ]

    assert await store.write(unit, actor="tests") == [False, True, False, (0, 1_000), (0, 0)]


async def test_no_login_that_was_typed_is_stored(store: Store) -> None:
    typed = "my password in the wrong field"
    await store.write(lambda work: work.credentials.note_misses(typed, 1, 1_000), actor="tests")

    async def unit(work: Work) -> bytes:
        row = await work.tx.one("SELECT * FROM login_misses WHERE school_id = :school")
        assert row is not None
        assert list(row.keys()) == ["school_id", "login_sha256", "misses", "last_miss_at_ms"]
        return bytes(row["login_sha256"])

    stored = await store.read(unit)
    assert len(stored) == 32
    assert typed.encode() not in stored


def test_proofs_do_not_show_what_they_hold() -> None:
    proofs = Proofs(user_id=USER, password_hash="p4ss", mfa_secret="s3cret", mfa_pending="p3nding")  # noqa: S106 (no secrets)

    assert repr(proofs) == f"Proofs(user_id={USER!r}, mfa_step=-1)"
