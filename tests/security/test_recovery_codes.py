"""Printed codes for somebody whose authenticator is gone."""

import os
import re

import pytest

from rpcbackend.security.recovery_codes import (
    find_recovery_code,
    hash_recovery_code,
    new_recovery_codes,
)

CODE = "k3pe-77ha-obol-2222-lbob-zzzz"


def test_there_are_ten_different_codes_in_groups_that_can_be_read_aloud() -> None:
    codes = new_recovery_codes(os.urandom)

    assert len(set(codes)) == 10
    assert [code for code in codes if not re.fullmatch(r"([a-z2-7]{4}-){5}[a-z2-7]{4}", code)] == []


@pytest.mark.parametrize(
    "typed",
    [
        CODE,
        CODE.upper(),
        CODE.replace("-", ""),
        CODE.replace("-", " "),
        f"\t{CODE}\n",
        "k3pe-77ha-0b01-2222-18o8-zzzz".replace("01", "o1").replace("18o8", "1808"),
    ],
    ids=["as printed", "upper case", "no dashes", "spaces", "white space around", "digits"],
)
def test_a_code_may_be_typed_as_it_is_read(typed: str) -> None:
    assert hash_recovery_code(typed) == hash_recovery_code(CODE)


def test_a_code_finds_its_own_hash_among_the_stored() -> None:
    codes = new_recovery_codes(os.urandom)
    hashes = [hash_recovery_code(code) for code in codes]

    assert [find_recovery_code(code, hashes) for code in codes] == hashes
    assert find_recovery_code(codes[3], hashes[:3] + hashes[4:]) is None


@pytest.mark.parametrize("text", ["", "-", CODE[:-1], CODE + "a", "\ud800", "ʞ" * 24])
def test_any_other_text_finds_nothing(text: str) -> None:
    assert find_recovery_code(text, [hash_recovery_code(CODE)]) is None


def test_what_is_stored_tells_nothing_of_the_code() -> None:
    assert len(hash_recovery_code(CODE)) == 32
    assert CODE.encode() not in hash_recovery_code(CODE)
