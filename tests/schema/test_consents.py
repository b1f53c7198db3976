"""The wire models of consents."""

import pytest

from rpcbackend.schema.consents import Consent, GetConsents, SetConsent
from tests.domain.test_consents import make_consent
from tests.factories import an_id
from tests.schema.fits import broken, written

SET = {
    "studentId": an_id("stu"),
    "purpose": "lessons",
    "channel": "sms",
    "isGranted": True,
    "source": "app",
    "textVersion": "2026-11",
}


def test_a_consent_is_read_back_as_it_was_written() -> None:
    consent = make_consent()

    assert Consent.model_validate_json(consent.model_dump_json()) == consent


def test_everything_must_be_said() -> None:
    assert written(SetConsent.model_validate(SET)) == SET
    assert broken(SetConsent, {}) == sorted(SET)
    assert broken(GetConsents, {}) == ["studentId"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("purpose", "gossip"),
        ("channel", "post"),
        ("isGranted", 1),
        ("source", "dream"),
        ("textVersion", "of last week"),
        ("textVersion", ""),
    ],
)
def test_what_does_not_fit_is_refused_by_its_path(path: str, value: object) -> None:
    assert broken(SetConsent, SET | {path: value}) == [path]
