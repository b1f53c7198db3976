"""What somebody may be written to about: what he said last, or what is usual."""

from typing import Any

import pytest

from rpcbackend.domain.consents import is_agreed, last_of, present, says_the_same, told_of
from rpcbackend.schema.consents import (
    Consent,
    ConsentSource,
    MessageChannel,
    Purpose,
    SetConsent,
)
from tests.clauses import clause
from tests.factories import an_id, at

MAIL, SMS = MessageChannel.MAIL, MessageChannel.SMS


def make_consent(number: int = 1, **given: Any) -> Consent:
    fields: dict[str, Any] = {
        "id": an_id("con", number),
        "student_id": an_id("stu"),
        "purpose": Purpose.LESSONS,
        "channel": MAIL,
        "is_granted": True,
        "source": ConsentSource.DESK,
        "text_version": "2026-11",
        "recorded_at": at("2026-11-23T08:00:00Z"),
        "actor": "local",
        "version": number,
    }
    return Consent(**fields | given)


@clause("messages-consent")
@pytest.mark.parametrize(
    ("purpose", "channel", "allowed"),
    [
        (Purpose.LESSONS, MAIL, True),
        (Purpose.PAYMENTS, MAIL, True),
        (Purpose.MARKETING, MAIL, False),
        (Purpose.LESSONS, SMS, False),
        (Purpose.PAYMENTS, SMS, False),
        (Purpose.MARKETING, SMS, False),
    ],
)
def test_where_nothing_was_said_mail_about_what_was_ordered_is_allowed_and_no_more(
    purpose: Purpose, channel: MessageChannel, allowed: bool
) -> None:
    assert is_agreed(purpose, channel, {}) is allowed
    assert is_agreed(purpose, channel, {channel: True}) is True
    assert is_agreed(purpose, channel, {channel: False}) is False


def test_what_was_said_last_holds() -> None:
    history = [
        make_consent(3, is_granted=False),
        make_consent(1),
        make_consent(2),
        make_consent(1, purpose=Purpose.MARKETING),
    ]

    assert last_of(history, Purpose.LESSONS, MAIL) == history[0]
    assert last_of(history, Purpose.LESSONS, SMS) is None
    standing = {(one.purpose, one.channel): one for one in present(history)}
    assert len(standing) == len(Purpose) * len(MessageChannel)
    lessons = standing[Purpose.LESSONS, MAIL]
    assert (lessons.is_granted, lessons.is_recorded) == (False, True)
    payments = standing[Purpose.PAYMENTS, MAIL]
    assert (payments.is_granted, payments.is_recorded) == (True, False)


def test_the_same_said_from_elsewhere_is_not_the_same() -> None:
    said: dict[str, Any] = {
        "studentId": an_id("stu"),
        "purpose": "lessons",
        "channel": "mail",
        "isGranted": True,
        "source": "desk",
        "textVersion": "2026-11",
    }

    assert says_the_same(make_consent(), SetConsent.model_validate(said))
    for other in ({"isGranted": False}, {"source": "app"}, {"textVersion": "2027"}):
        assert not says_the_same(make_consent(), SetConsent.model_validate(said | other))


def test_an_event_tells_whose_what_and_which_way() -> None:
    assert told_of(make_consent()) == {
        "studentId": an_id("stu"),
        "purpose": "lessons",
        "channel": "mail",
        "isGranted": True,
    }
