"""What signs the tokens of a door."""

from rpcbackend.security.signing import Signing
from rpcbackend.security.tokens import KEY_BYTES

STORED, OTHER = bytes(KEY_BYTES), b"\1" * KEY_BYTES
SECRET = b"a secret of the configuration"


def test_without_a_secret_the_stored_key_signs() -> None:
    assert Signing().key_of(STORED) == STORED


def test_with_a_secret_neither_it_nor_the_stored_key_is_enough() -> None:
    keys = [
        Signing(secret=secret).key_of(stored)
        for secret in (SECRET, SECRET + b"!")
        for stored in (STORED, OTHER)
    ]

    assert len(set(keys)) == 4
    assert STORED not in keys
    assert {len(key) for key in keys} == {KEY_BYTES}


def test_the_secret_is_not_shown() -> None:
    assert "secret" not in repr(Signing(secret=SECRET))
