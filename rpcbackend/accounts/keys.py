"""The keys that sign tokens: made when they are first needed, inside that transaction."""

from collections.abc import Callable

from rpcbackend.security.tokens import KEY_BYTES
from rpcbackend.store import SigningKey, Work

RENEWED_AFTER_SECONDS = 90 * 24 * 3600
"""So long a key signs access tokens; the one before is kept for those that it signed."""


async def access_key(work: Work, random_bytes: Callable[[int], bytes], now: int) -> SigningKey:
    """Return the key that signs access tokens, a new one every 90 days."""
    newest = await work.sessions.newest_signing_key("access")
    if newest is not None and now - newest.created_at < RENEWED_AFTER_SECONDS:
        return newest
    key = _new_key(work, random_bytes, now)
    await work.sessions.add_signing_key(key, "access")
    if newest is not None:
        await work.sessions.drop_signing_keys("access", but=(newest.kid, key.kid))
    return key


async def refresh_key(work: Work, random_bytes: Callable[[int], bytes], now: int) -> SigningKey:
    """Return the one key of all refresh tokens: with another one they would all be void."""
    key = await work.sessions.newest_signing_key("refresh")
    if key is None:
        key = _new_key(work, random_bytes, now)
        await work.sessions.add_signing_key(key, "refresh")
    return key


def _new_key(work: Work, random_bytes: Callable[[int], bytes], now: int) -> SigningKey:
    return SigningKey(kid=work.new_id("kid"), secret=random_bytes(KEY_BYTES), created_at=now)
