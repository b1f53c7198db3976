"""What students said since the backup holds in a restored store."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rpcbackend.notices import keys
from rpcbackend.schema.consents import Consent, MessageChannel, Purpose
from rpcbackend.store import Store
from rpcbackend.store.driver import Opener
from rpcbackend.store.migrations import migrate
from rpcbackend.store.said import said_in, say_again
from tests.clauses import clause
from tests.domain.test_consents import make_consent
from tests.factories import KEY, add_all, an_id, at, make_student, store_in
from tests.store.test_outbox import HELLO, states_in
from tests.store.test_settled import nobody, restored

EARLY, LATE = at("2026-11-23T08:00:00Z"), at("2026-11-23T09:00:00Z")


async def say(store: Store, *consents: Consent) -> None:
    for consent in consents:
        await store.write(lambda work, one=consent: work.consents.add(one), actor="tests")  # type: ignore[misc]  # mypy infers no default


async def history(store: Store, number: int = 1) -> list[Consent]:
    return await store.read(lambda work: work.consents.history(an_id("stu", number)))


async def holds(store: Store) -> bool:
    said = await store.read(lambda work: work.consents.said(an_id("stu"), Purpose.LESSONS))
    return said[MessageChannel.MAIL]


@clause("restore-unsays-nothing")
@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
async def test_what_was_refused_since_the_backup_stays_refused(
    tmp_path: Path, key: bytes | None
) -> None:
    said = [
        make_consent(1, recorded_at=EARLY),
        make_consent(2, is_granted=False, recorded_at=LATE),
        make_consent(3, channel=MessageChannel.SMS, version=1, recorded_at=LATE),
    ]
    async with store_in(tmp_path, key=key) as store:
        await add_all(store)
        await say(store, said[0])
        await store.backup("manual")
        await say(store, *said[1:])

        await restored(store)

        assert await history(store) == said[::-1]
        assert not await holds(store)


async def test_a_student_who_is_not_in_the_backup_has_said_nothing(tmp_path: Path) -> None:
    async with store_in(tmp_path) as store:
        await add_all(store)
        await store.backup("manual")
        other = make_student(id=an_id("stu", 2))
        await store.write(lambda work: work.students.put(other), actor="tests")
        await say(store, make_consent(1, student_id=other.id))

        await restored(store)

        assert await history(store, 2) == []


async def test_a_restore_notes_in_the_audit_what_it_carried_over(tmp_path: Path) -> None:
    async with store_in(tmp_path) as store:
        await add_all(store)
        await store.backup("manual")
        await say(store, make_consent(1, is_granted=False))

        await restored(store)

        row = await store.read(lambda work: work.tx.one("SELECT changes FROM audit"))
        assert row is not None
        assert an_id("con") in row["changes"]


@pytest.mark.parametrize(
    ("in_backup", "since", "is_granted"),
    [
        ([(False, LATE)], [(True, EARLY)], False),
        ([(True, LATE)], [(False, EARLY)], False),
        ([(False, EARLY)], [(True, LATE)], True),
        ([(True, EARLY)], [(True, EARLY), (False, LATE)], False),
    ],
    ids=["refused later there", "refused earlier", "agreed later", "changed his mind"],
)
async def test_of_two_who_said_it_as_the_same_version_a_refusal_is_never_lost(
    store: Store,
    in_backup: Sequence[tuple[bool, object]],
    since: Sequence[tuple[bool, object]],
    is_granted: bool,
) -> None:
    """A backup of a store that was restored before knows what was said after that."""
    await add_all(store)
    await say(store, *consents(in_backup, 1))

    await store.write(lambda work: say_again(work, consents(since, 11)), actor="tests")

    assert await holds(store) == is_granted


def consents(said: Sequence[tuple[bool, object]], number: int) -> list[Consent]:
    return [
        make_consent(number + index, version=index + 1, is_granted=granted, recorded_at=when)
        for index, (granted, when) in enumerate(said)
    ]


async def test_what_waits_in_the_backup_and_was_refused_since_is_not_sent(store: Store) -> None:
    await add_all(store)
    refused, other = (
        f"{keys.of_student(an_id('stu'), purpose)}news"
        for purpose in (Purpose.LESSONS, Purpose.PAYMENTS)
    )
    for key in (refused, other):
        message = replace(HELLO, dedupe_key=key)
        await store.write(lambda work, one=message: work.outbox.queue(one), actor="tests")  # type: ignore[misc]  # mypy infers no default

    said = [make_consent(1, is_granted=False)]
    await store.write(lambda work: say_again(work, said), actor="tests")

    assert await states_in(store) == {refused: "cancelled", other: "queued"}


def test_a_database_from_before_there_were_consents_knows_of_none(tmp_path: Path) -> None:
    connection = Opener(tmp_path / "old.db", None, may_write=True)()
    migrate(connection, 0, to=13)
    connection.close()

    assert said_in(tmp_path / "old.db", None)(nobody) == []
