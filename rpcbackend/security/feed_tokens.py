"""Tokens of calendar feeds: `rpf_<secret>_<checksum>`, shown once and stored as a hash.

Whoever has one reads the feed: it stands in an address, for no calendar program signs in.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

from rpcbackend.security.base62 import base62, checksum

_SECRET_BYTES, _SECRET_CHARS = 32, 43
_SHAPE = re.compile(r"(rpf_[0-9A-Za-z]{43})_([0-9A-Za-z]{6})")


@dataclass(frozen=True, slots=True)
class FeedToken:
    """A token that was just made."""

    text: str = field(repr=False)
    sha256: bytes = field(repr=False)
    """What is stored."""


def make_feed_token(random_bytes: Callable[[int], bytes]) -> FeedToken:
    """Make a token with 256 secret bits."""
    signed = f"rpf_{base62(int.from_bytes(random_bytes(_SECRET_BYTES)), _SECRET_CHARS)}"
    text = f"{signed}_{checksum(signed)}"
    return FeedToken(text, _hash(text))


def hash_of_token(text: str) -> bytes | None:
    """Return what a token is stored as, or None if it was never made here.

    A fast hash will do for a secret of 256 bits (OWASP ASVS 5.0, 6.5.2), and to look it up by that
    tells nobody anything of it.
    """
    shaped = _SHAPE.fullmatch(text)
    return _hash(text) if shaped and checksum(shaped[1]) == shaped[2] else None


def _hash(text: str) -> bytes:
    return sha256(text.encode()).digest()
