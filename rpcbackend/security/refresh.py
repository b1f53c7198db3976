"""Refresh tokens: single use, each successor derived from its family and counter.

Because the successor is computed and not drawn, a reply that was lost is given again without any
token being stored. Reuse of an older one shows a theft, and ends the family (RFC 9700 section
4.14.2).
"""

import base64
import hmac
import re
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from rpcbackend.security.tokens import KEY_BYTES, TokenFault, TokenRefusedError

FAMILY_BYTES = 16
GRACE_MS = 10_000
"""How long the immediate parent may be shown again: a reply that got lost, a crash, two windows."""

# With 16 of family and 32 of MAC it makes 54 bytes, so 72 characters without a spare bit.
_COUNTER_BYTES = 6
_SHAPE = re.compile(r"rt_([A-Za-z0-9_-]{72})")


class PresentedRefresh(NamedTuple):
    """What a refresh token of ours says."""

    family: bytes
    """16 bytes; one for each login."""
    counter: int
    """0 for the token of the login, one more with each rotation."""


class RefreshVerdict(StrEnum):
    """What becomes of a presented refresh token."""

    ROTATE = "rotate"
    """Give the token of the next counter, and store that counter and the time."""
    REPEAT_SUCCESSOR = "repeat_successor"
    """Give the token of the current counter once more; store nothing."""
    REUSE = "reuse"
    """Revoke the family: somebody else has the token."""


def new_family(random_bytes: Callable[[int], bytes]) -> bytes:
    """Return the 16 bytes that name the refresh tokens of one login."""
    return random_bytes(FAMILY_BYTES)


def make_refresh(key: bytes, family: bytes, counter: int) -> str:
    """Return the one token of *counter* in *family*.

    Raises:
        ValueError: The key is not of 32 bytes or the family not of 16.
    """
    if len(key) != KEY_BYTES or len(family) != FAMILY_BYTES:
        raise ValueError("A refresh token needs a key of 32 bytes and a family of 16.")
    named = family + counter.to_bytes(_COUNTER_BYTES)
    return "rt_" + base64.urlsafe_b64encode(named + _mac(key, named)).decode()


def read_refresh(key: bytes, text: str) -> PresentedRefresh:
    """Return the family and counter of a token that *key* made; says nothing of its use.

    Raises:
        TokenRefusedError: MALFORMED or SIGNATURE.
    """
    shaped = _SHAPE.fullmatch(text)
    if shaped is None:
        raise TokenRefusedError(TokenFault.MALFORMED)
    content = base64.urlsafe_b64decode(shaped[1])
    named, mac = content[: FAMILY_BYTES + _COUNTER_BYTES], content[FAMILY_BYTES + _COUNTER_BYTES :]
    if not hmac.compare_digest(mac, _mac(key, named)):
        raise TokenRefusedError(TokenFault.SIGNATURE)
    return PresentedRefresh(named[:FAMILY_BYTES], int.from_bytes(named[FAMILY_BYTES:]))


def judge_refresh(
    *, current_counter: int, rotated_at_ms: int, presented_counter: int, now_ms: int
) -> RefreshVerdict:
    """Decide on a genuine token, given the newest counter of its family and when it was made.

    Only the immediate parent has the grace: a grandparent within ten seconds is a theft as well.
    A counter beyond the current one means that the database is older than the token (a restored
    backup); nobody can tell then who used what, so it counts as reuse too.
    """
    if presented_counter == current_counter:
        return RefreshVerdict.ROTATE
    # The distance, because the wall clock may have been set back in between.
    is_recent = abs(now_ms - rotated_at_ms) <= GRACE_MS
    if presented_counter == current_counter - 1 and is_recent:
        return RefreshVerdict.REPEAT_SUCCESSOR
    return RefreshVerdict.REUSE


def _mac(key: bytes, named: bytes) -> bytes:
    return hmac.digest(key, b"rt_" + named, "sha256")
