"""Codes of an authenticator app: which are right, and that none is right twice."""

import base64
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcbackend.security.totp import (
    NO_STEP,
    accept_code,
    code_at,
    new_secret,
    otpauth_uri,
)

SECRET = base64.b32encode(b"12345678901234567890").decode()
NOW_MS = 1_111_111_111_000
STEP = 37_037_037


@pytest.mark.parametrize(
    ("seconds", "eight_digits"),
    [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ],
)
def test_codes_are_those_of_the_standard(seconds: int, eight_digits: str) -> None:
    """RFC 6238, appendix B, SHA-1; six digits are the last six of the eight there."""
    code = eight_digits[-6:]

    assert code_at(SECRET, seconds // 30) == code
    assert accept_code(SECRET, code, last_step=NO_STEP, now_ms=seconds * 1_000) == seconds // 30


@pytest.mark.parametrize(
    ("count", "code"),
    [
        *((0, "755224"), (1, "287082"), (2, "359152"), (3, "969429"), (4, "338314")),
        *((5, "254676"), (6, "287922"), (7, "162583"), (8, "399871"), (9, "520489")),
    ],
)
def test_codes_of_counters_are_those_of_the_standard(count: int, code: str) -> None:
    """RFC 4226, appendix D."""
    assert code_at(SECRET, count) == code


@pytest.mark.parametrize(
    ("offset", "is_accepted"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_a_clock_may_be_one_step_off(offset: int, is_accepted: bool) -> None:
    code = code_at(SECRET, STEP + offset)

    step = accept_code(SECRET, code, last_step=NO_STEP, now_ms=NOW_MS)

    assert step == (STEP + offset if is_accepted else None)


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_no_code_is_accepted_twice(offset: int) -> None:
    code = code_at(SECRET, STEP + offset)
    used = accept_code(SECRET, code, last_step=NO_STEP, now_ms=NOW_MS)
    assert used is not None

    for later_ms in range(0, 120_000, 1_000):
        assert accept_code(SECRET, code, last_step=used, now_ms=NOW_MS + later_ms) is None


def test_after_a_code_no_older_one_is_accepted() -> None:
    older = code_at(SECRET, STEP - 1)

    assert accept_code(SECRET, older, last_step=STEP, now_ms=NOW_MS) is None


def test_a_code_that_fits_two_steps_uses_both_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rpcbackend.security.totp.code_at", lambda _secret, _step: "123456")

    used = accept_code(SECRET, "123456", last_step=NO_STEP, now_ms=NOW_MS)

    assert used == STEP + 1
    assert accept_code(SECRET, "123456", last_step=used, now_ms=NOW_MS) is None


@pytest.mark.parametrize(
    "code",
    [
        "",
        "05047",
        "0050471",
        "050471 ",
        "050471\n",
        "05 471",
        "-50471",
        "٠٥٠٤٧١",
        "05047a",
        "050471é",
        "050471\ud800",
    ],
    ids=ascii,
)
def test_anything_but_six_digits_is_wrong(code: str) -> None:
    assert accept_code(SECRET, "050471", last_step=NO_STEP, now_ms=NOW_MS) == STEP
    assert accept_code(SECRET, code, last_step=NO_STEP, now_ms=NOW_MS) is None


@given(st.text(max_size=8))
def test_no_text_breaks_the_check(code: str) -> None:
    assert accept_code(SECRET, code, last_step=NO_STEP, now_ms=NOW_MS) in (
        *(None, STEP - 1, STEP, STEP + 1),
    )


def test_the_first_seconds_of_all_time_have_no_step_before() -> None:
    assert accept_code(SECRET, "755224", last_step=NO_STEP, now_ms=0) == 0


def test_a_secret_is_twenty_bytes_in_base32_without_padding() -> None:
    secret = new_secret(lambda count: b"\xff" * count)

    assert secret == "7" * 32
    assert base64.b32decode(secret) == b"\xff" * 20


def test_the_uri_names_school_account_and_parameters() -> None:
    assert otpauth_uri(SECRET, issuer="Fahrschule Süd", account="ada@school.example") == (
        "otpauth://totp/Fahrschule%20S%C3%BCd:ada%40school.example"
        f"?secret={SECRET}&issuer=Fahrschule%20S%C3%BCd&algorithm=SHA1&digits=6&period=30"
    )


@given(
    st.text(st.characters(codec="utf-8"), min_size=1),
    st.text(st.characters(codec="utf-8"), min_size=1),
)
def test_no_name_breaks_out_of_its_place_in_the_uri(issuer: str, account: str) -> None:
    uri = urlsplit(otpauth_uri(SECRET, issuer=issuer, account=account))

    assert (uri.scheme, uri.netloc, uri.fragment) == ("otpauth", "totp", "")
    assert unquote(uri.path).split(":") == [
        "/" + issuer.replace(":", " "),
        account.replace(":", " "),
    ]
    assert parse_qs(uri.query) == {
        "secret": [SECRET],
        "issuer": [issuer.replace(":", " ")],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }
