"""Whoever changes a sealed transcript is found out; see the module for its construction."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from rpcbackend.transcripts.format import TranscriptError
from rpcbackend.transcripts.sealed import (
    Seal,
    WrongTranscriptKeyError,
    new_salt,
    opening_line,
    salt_of,
)
from tests.clauses import clause

KEY, SALT = bytes(range(32)), bytes(32)


def sealed(*chunks: bytes) -> list[bytes]:
    seal = Seal(KEY, SALT)
    return [seal.seal(chunk, is_last=chunk is chunks[-1]) for chunk in chunks]


def opened(lines: list[bytes], key: bytes = KEY, salt: bytes = SALT) -> list[tuple[bytes, bool]]:
    seal = Seal(key, salt)
    return [seal.open(line) for line in lines]


@given(chunks=some.lists(some.binary(max_size=99), min_size=1, max_size=5))
def test_what_was_sealed_is_opened_in_order(chunks: list[bytes]) -> None:
    seal = Seal(KEY, SALT)
    lines = [
        seal.seal(chunk, is_last=number == len(chunks)) for number, chunk in enumerate(chunks, 1)
    ]

    assert opened(lines) == [(chunk, n == len(chunks)) for n, chunk in enumerate(chunks, 1)]


@clause("transcript-sealed")
@pytest.mark.parametrize(
    "spoilt",
    [
        lambda a, b, c: [a, c, b],
        lambda a, _b, c: [a, c],
        lambda a, b, c: [a, b, b, c],
        lambda a, b, c: [a, b[:-9] + b[-8:], c],
        lambda a, _b, c: [a, b"not base64!\n", c],
        lambda a, _b, c: [a, b"", c],
        lambda a, b, c: [a, bytes([b[0] ^ 1]) + b[1:], c],
    ],
    ids=["swapped", "left out", "doubled", "shortened", "no base64", "nothing", "a bit"],
)
def test_a_chunk_that_is_not_what_was_written_there_is_noticed(spoilt: object) -> None:
    assert callable(spoilt)
    with pytest.raises(TranscriptError, match=r"chunk [23] is not"):
        opened(spoilt(*sealed(b"one", b"two", b"three")))


@clause("transcript-sealed")
def test_another_key_or_salt_opens_nothing() -> None:
    lines = sealed(b"one")

    for key, salt in ((bytes(32), SALT), (KEY, bytes(31) + b"1")):
        with pytest.raises(WrongTranscriptKeyError):
            opened(lines, key, salt)


def test_no_two_files_have_one_salt_and_their_first_line_tells_it() -> None:
    salts = {new_salt() for _ in range(9)}

    assert len(salts) == 9
    assert {salt_of(opening_line(salt)) for salt in salts} == salts


@pytest.mark.parametrize("line", [b"", b"[]", b"{}", b'{"sealed":"A256GCM"}', b"\xff"])
def test_any_other_first_line_tells_none(line: bytes) -> None:
    assert salt_of(line) is None
