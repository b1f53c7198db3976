"""The form of API keys, and what their scopes open."""

import os
import re
import zlib
from collections.abc import Callable
from hashlib import sha256

import pytest

from rpcbackend.security import api_keys
from rpcbackend.security.api_keys import (
    covers,
    is_same_secret,
    make_api_key,
    parse_api_key,
    read_scope,
)
from rpcbackend.security.roles import Permission
from rpcbackend.security.tokens import TokenFault, TokenRefusedError

ZEROS = "0" * 43


def test_a_key_reads_back_as_what_was_stored() -> None:
    made = make_api_key(os.urandom)
    presented = parse_api_key(made.text)

    assert re.fullmatch(r"rpk_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}", made.text)
    assert presented.id == made.id
    assert presented.secret_hash == made.secret_hash
    assert is_same_secret(presented, made.secret_hash)


@pytest.mark.parametrize(
    ("byte", "key_id", "secret"),
    [
        (b"\x00", "00000000", ZEROS),
        # (2**64 - 1) modulo 62**8, and 2**256 - 1: the greatest secret still fits 43 characters.
        (b"\xff", "Ha16AHYF", "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1"),
    ],
    ids=["smallest", "greatest"],
)
def test_the_text_is_the_bytes_in_base62_with_their_crc32(
    byte: bytes, key_id: str, secret: str
) -> None:
    made = make_api_key(lambda count: byte * count)
    signed, _, checksum = made.text.rpartition("_")

    assert (made.id, signed) == (key_id, f"rpk_{key_id}_{secret}")
    assert made.secret_hash == sha256(secret.encode()).digest()
    assert _number(secret) == int.from_bytes(byte * 32)
    assert _number(checksum) == zlib.crc32(signed.encode())


def _number(text: str) -> int:
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number = 0
    for digit in text:
        number = number * 62 + digits.index(digit)
    return number


def test_another_secret_under_the_same_id_is_not_the_same() -> None:
    stored = make_api_key(bytes)
    forged = make_api_key(lambda count: bytes(8) if count == 8 else bytes([1]) * count)

    assert forged.id == stored.id
    assert not is_same_secret(parse_api_key(forged.text), stored.secret_hash)


def test_the_secret_is_in_no_repr() -> None:
    made = make_api_key(os.urandom)

    assert repr(made) == f"NewApiKey(id={made.id!r})"
    assert repr(parse_api_key(made.text)) == f"PresentedApiKey(id={made.id!r})"


def test_a_key_with_one_character_mistyped_is_refused_before_anything_is_hashed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = make_api_key(os.urandom).text
    hashed: list[object] = []
    monkeypatch.setattr(api_keys, "sha256", hashed.append)

    for place, known in enumerate(text):
        for other in "0Zz_":
            if other != known:
                _refused(text[:place] + other + text[place + 1 :])

    assert hashed == []


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:0],
        lambda text: text + "\n",
        lambda text: " " + text,
        lambda text: text.upper(),
        lambda text: text.removeprefix("rpk_"),
        lambda text: text[:-1],
        lambda text: text + "0",
        lambda text: text.replace("_", "-"),
        lambda text: text[:-1] + "\u0660",
        lambda text: text[:-1] + "\ud800",
        lambda text: text * 100_000,
    ],
    ids=[
        *("nothing", "line end", "space", "upper case", "no prefix", "cut", "longer", "dashes"),
        *("other digits", "surrogate", "megabytes"),
    ],
)
def test_a_text_of_another_form_is_refused(change: Callable[[str], str]) -> None:
    _refused(change(make_api_key(bytes).text))


def _refused(text: str) -> None:
    with pytest.raises(TokenRefusedError) as refused:
        parse_api_key(text)

    assert refused.value.fault is TokenFault.MALFORMED


@pytest.mark.parametrize("text", ["students:read", "billing:write", "lessons:book"])
def test_a_scope_is_an_area_and_what_it_allows(text: str) -> None:
    assert read_scope(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "*", "*:read", "students", "students:*", "students:book", "students:delete"),
        *("Students:read", "students:read ", "students:read\n", "students:read,lessons:read"),
    ],
)
def test_a_scope_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="<area>:read"):
        read_scope(text)


def test_a_scope_opens_its_own_permission_and_no_other() -> None:
    scopes = {read_scope("lessons:book")}

    assert {permission for permission in Permission if covers(scopes, permission)} == {
        Permission.PUBLIC,
        Permission.LESSONS_BOOK,
    }
