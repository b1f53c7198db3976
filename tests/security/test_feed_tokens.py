"""Tokens of feeds are long, told from others, and kept as hashes."""

import pytest

from rpcbackend.security.feed_tokens import hash_of_token, make_feed_token


def test_a_token_is_found_by_the_hash_that_is_stored() -> None:
    token = make_feed_token(lambda count: bytes(range(count)))

    assert hash_of_token(token.text) == token.sha256
    assert token.text.startswith("rpf_")
    assert len(token.text) == 4 + 43 + 1 + 6


def test_nobody_sees_it_in_a_log() -> None:
    token = make_feed_token(bytes)

    assert token.text not in repr(token)


@pytest.mark.parametrize(
    "text",
    ["", "x", "rpf_", "rpk_12345678_" + "0" * 43 + "_000000", "rpf_" + "0" * 43 + "_000000"],
    ids=["nothing", "a letter", "a prefix", "an API key", "a wrong checksum"],
)
def test_what_was_never_made_here_is_not_looked_up(text: str) -> None:
    assert hash_of_token(text) is None


def test_a_mistyped_one_is_not_looked_up_either() -> None:
    text = make_feed_token(bytes).text

    assert hash_of_token(text.replace("rpf_0", "rpf_1", 1)) is None
