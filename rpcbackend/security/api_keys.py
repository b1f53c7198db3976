"""API keys: `rpk_<id>_<secret>_<checksum>`, shown once and stored as a hash.

The prefix and the checksum let a scanner find a leaked key without asking us (as GitHub's do), and
let us refuse a mistyped one without asking the store.
"""

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

from rpcbackend.security.base62 import base62, checksum
from rpcbackend.security.tokens import TokenFault, TokenRefusedError

_ID_CHARS, _SECRET_CHARS = 8, 43
_SECRET_BYTES = 32
_SHAPE = re.compile(r"(rpk_([0-9A-Za-z]{8})_([0-9A-Za-z]{43}))_([0-9A-Za-z]{6})")


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key that was just made."""

    id: str
    """Eight characters; no secret, shown in lists."""
    text: str = field(repr=False)
    """The whole key, for the one answer that shows it."""
    secret_hash: bytes = field(repr=False)
    """What is stored."""


@dataclass(frozen=True, slots=True)
class PresentedApiKey:
    """A well-formed key, to be looked up by its id."""

    id: str
    secret_hash: bytes = field(repr=False)


def make_api_key(random_bytes: Callable[[int], bytes]) -> NewApiKey:
    """Make a key with 256 secret bits."""
    # 64 bits on 62**8 ids: even to one part in 80,000, and an id is no secret.
    key_id = base62(int.from_bytes(random_bytes(8)) % 62**_ID_CHARS, _ID_CHARS)
    secret = base62(int.from_bytes(random_bytes(_SECRET_BYTES)), _SECRET_CHARS)
    signed = f"rpk_{key_id}_{secret}"
    return NewApiKey(key_id, f"{signed}_{checksum(signed)}", _hash(secret))


def parse_api_key(text: str) -> PresentedApiKey:
    """Read a key as it was presented; only `is_same_secret` tells that it is genuine.

    Raises:
        TokenRefusedError: MALFORMED; the checksum is looked at before anything is hashed.
    """
    shaped = _SHAPE.fullmatch(text)
    if shaped is None or checksum(shaped[1]) != shaped[4]:
        raise TokenRefusedError(TokenFault.MALFORMED)
    return PresentedApiKey(shaped[2], _hash(shaped[3]))


def is_same_secret(presented: PresentedApiKey, stored_hash: bytes) -> bool:
    """Tell, in the same time whatever differs, whether the stored key is the presented one."""
    return hmac.compare_digest(presented.secret_hash, stored_hash)


def _hash(secret: str) -> bytes:
    # A fast hash will do for a secret of 256 bits (OWASP ASVS 5.0, 6.5.2).
    return sha256(secret.encode()).digest()
