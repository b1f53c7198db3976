"""The consents as rows: added in order, and never changed."""

import pytest

from rpcbackend.schema.consents import MessageChannel, Purpose
from rpcbackend.store import Store, Work
from rpcbackend.store.driver import IntegrityError
from tests.domain.test_consents import make_consent
from tests.factories import add_all, an_id, at

SAID = [
    make_consent(1),
    make_consent(2, is_granted=False, recorded_at=at("2026-11-23T08:00:01Z")),
    make_consent(3, channel=MessageChannel.SMS, version=1, recorded_at=at("2026-11-23T08:00:02Z")),
    make_consent(4, purpose=Purpose.MARKETING, version=1, recorded_at=at("2026-11-23T08:00:03Z")),
]


@pytest.fixture
async def filled(store: Store) -> Store:
    """A store in which a student has said several things."""
    await add_all(store)

    async def unit(work: Work) -> None:
        for consent in SAID:
            await work.consents.add(consent)

    await store.write(unit, actor="tests")
    return store


async def test_the_history_is_all_that_was_said_the_newest_first(filled: Store) -> None:
    async def unit(work: Work) -> list[object]:
        return [
            await work.consents.history(an_id("stu")),
            await work.consents.history(an_id("stu", 2)),
        ]

    assert await filled.read(unit) == [SAID[::-1], []]


async def test_what_was_said_last_about_a_purpose_is_told_by_channel(filled: Store) -> None:
    async def unit(work: Work) -> list[object]:
        return [await work.consents.said(an_id("stu"), purpose) for purpose in Purpose]

    lessons = {MessageChannel.MAIL: False, MessageChannel.SMS: True}
    assert await filled.read(unit) == [lessons, {}, {MessageChannel.MAIL: True}]


@pytest.mark.parametrize(
    ("sql", "trigger"),
    [
        ("UPDATE consents SET is_granted = 1", "consents_are_never_changed"),
        ("DELETE FROM consents", "consents_are_never_removed"),
    ],
)
async def test_the_database_itself_lets_no_consent_be_rewritten(
    filled: Store, sql: str, trigger: str
) -> None:
    with pytest.raises(IntegrityError, match=trigger):
        await filled.write(lambda work: work.tx.run(sql), actor="tests")


async def test_nobody_says_two_things_as_the_same_version(filled: Store) -> None:
    with pytest.raises(IntegrityError):
        await filled.write(lambda work: work.consents.add(make_consent(9, version=2)), actor="t")
