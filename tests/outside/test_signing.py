"""Signatures: what others make of ours, and what we make of others'."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some
from standardwebhooks import Webhook

from rpcbackend.errors import ReplayDetectedError, SignatureInvalidError
from rpcbackend.outside.signing import PREFIX, TOLERANCE_SECONDS, make_secret, sign, verify

NOW = 1_614_265_330
SECRET, OTHER = make_secret(bytes(range(32))), make_secret(bytes(32))
BODY = b'{"test": 2432232314}'


def test_the_example_of_the_standard_is_signed_as_it_says() -> None:
    """Standard Webhooks, "Verifying signatures", the example that every library checks."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 (of the standard)

    headers = sign("msg_p5jXN8AQM9LWM0D4loKWxJek", BODY, at_seconds=NOW, secrets=[secret])

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_what_is_signed_passes_the_library_of_the_receiver_under_the_old_secret_and_the_new() -> (
    None
):
    now = int(datetime.now(UTC).timestamp())
    headers = sign("msg_1", BODY, at_seconds=now, secrets=[SECRET, OTHER])

    assert Webhook(SECRET).verify(BODY, headers) == {"test": 2432232314}
    assert Webhook(OTHER).verify(BODY, headers) == {"test": 2432232314}


def test_a_secret_is_written_the_way_libraries_read_it() -> None:
    assert base64.b64decode(SECRET.removeprefix(PREFIX)) == bytes(range(32))


@given(content=some.text(min_size=1).map(str.encode), late=some.integers(-300, 300))
def test_what_is_signed_is_taken_within_five_minutes_and_names_itself(
    content: bytes, late: int
) -> None:
    headers = sign("evt_1", content, at_seconds=NOW, secrets=[SECRET])

    assert verify(headers, content, now_seconds=NOW + late, secret=SECRET) == "evt_1"


@pytest.mark.parametrize("late", [TOLERANCE_SECONDS + 1, -TOLERANCE_SECONDS - 1, 10**9])
def test_what_is_older_or_newer_than_five_minutes_is_a_replay(late: int) -> None:
    headers = sign("evt_1", BODY, at_seconds=NOW, secrets=[SECRET])

    with pytest.raises(ReplayDetectedError):
        verify(headers, BODY, now_seconds=NOW + late, secret=SECRET)


def signed() -> dict[str, str]:
    return sign("evt_1", BODY, at_seconds=NOW, secrets=[SECRET])


FORGED: dict[str, Callable[[], tuple[dict[str, str], bytes]]] = {
    "another body": lambda: (signed(), BODY + b" "),
    "another id": lambda: (signed() | {"webhook-id": "evt_2"}, BODY),
    "another time": lambda: (signed() | {"webhook-timestamp": str(NOW + 1)}, BODY),
    "another secret": lambda: (sign("evt_1", BODY, at_seconds=NOW, secrets=[OTHER]), BODY),
    "no signature": lambda: (signed() | {"webhook-signature": ""}, BODY),
    "a signature without version": lambda: (
        signed() | {"webhook-signature": signed()["webhook-signature"].removeprefix("v1,")},
        BODY,
    ),
    "a signature of another version": lambda: (
        signed() | {"webhook-signature": signed()["webhook-signature"].replace("v1,", "v2,")},
        BODY,
    ),
    "a signature in other letters": lambda: (
        signed() | {"webhook-signature": signed()["webhook-signature"].lower()},
        BODY,
    ),
    "a signature that is no text of ASCII": lambda: (
        signed() | {"webhook-signature": "v1,ü"},
        BODY,
    ),
    "no headers": lambda: ({}, BODY),
    "a time that is none": lambda: (signed() | {"webhook-timestamp": "now"}, BODY),
    "a time with a sign": lambda: (signed() | {"webhook-timestamp": f"+{NOW}"}, BODY),
    "a time with a fraction": lambda: (signed() | {"webhook-timestamp": f"{NOW}.0"}, BODY),
    "digits of another script": lambda: (signed() | {"webhook-timestamp": "١٦١٤٢٦٥٣٣٠"}, BODY),
    "a time beyond all calendars": lambda: (signed() | {"webhook-timestamp": "9" * 40}, BODY),
    "an id with a full stop": lambda: (signed() | {"webhook-id": "evt.1"}, BODY),
    "an id without end": lambda: (signed() | {"webhook-id": "e" * 300}, BODY),
    "a body that is no text": lambda: (signed(), b"\xff"),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_is_not_signed_by_whom_knows_the_secret_is_refused(name: str) -> None:
    headers, content = FORGED[name]()

    with pytest.raises(SignatureInvalidError):
        verify(headers, content, now_seconds=NOW, secret=SECRET)


def test_a_forged_message_that_is_old_too_is_not_told_so() -> None:
    """Whoever does not know the secret learns nothing of our clock."""
    with pytest.raises(SignatureInvalidError):
        verify(signed(), BODY + b" ", now_seconds=NOW + 10**6, secret=SECRET)


def test_an_id_with_a_full_stop_cannot_be_moved_into_the_time() -> None:
    """`a.1` and `2` sign the same text as `a` and `1.2` would."""
    headers = sign("evt_1.1", BODY, at_seconds=NOW, secrets=[SECRET])

    with pytest.raises(SignatureInvalidError):
        verify(headers, BODY, now_seconds=NOW, secret=SECRET)


def test_headers_are_found_whatever_their_case_and_any_of_the_signatures_is_enough() -> None:
    headers = {name.title(): value for name, value in signed().items()}
    headers["Webhook-Signature"] = f"v1a,x v1,y {headers['Webhook-Signature']}"

    assert verify(headers, BODY, now_seconds=NOW, secret=SECRET) == "evt_1"


@pytest.mark.parametrize("secret", ["a key of a service", "whsec_no base64!", "whsec_", "ü"])
def test_a_secret_that_is_no_base64_is_taken_as_it_is(secret: str) -> None:
    headers = sign("evt_1", BODY, at_seconds=NOW, secrets=[secret])

    assert verify(headers, BODY, now_seconds=NOW, secret=secret) == "evt_1"
    with pytest.raises(SignatureInvalidError):
        verify(headers, BODY, now_seconds=NOW, secret=secret + "x")
