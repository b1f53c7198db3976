"""The keys that sign tokens: made when they are first needed, inside that transaction."""

from collections.abc import Callable

from rpcbackend.security.tokens import KEY_BYTES
from rpcbackend.store import Purpose, SigningKey, Work

RENEWED_AFTER_SECONDS = 90 * 24 * 3600
"""So long a key signs access tokens; the one before is kept for those that it signed."""


async def access_key(work: Work, random_bytes: Callable[[int], bytes], now: int) -> SigningKey:
    """Return the key that signs access tokens, a new one every 90 days."""
    newest = await work.sessions.newest_signing_key("access")
    if newest is not None and now - newest.created_at < RENEWED_AFTER_SECONDS:
        return newest
    key = await _add_key(work, "access", random_bytes, now)
    if newest is not None:
        await work.sessions.drop_signing_keys("access", but=(newest.kid, key.kid))
    return key


async def refresh_key(work: Work, random_bytes: Callable[[int], bytes], now: int) -> SigningKey:
    """Return the one key of all refresh tokens: with another one they would all be void."""
    key = await work.sessions.newest_signing_key("refresh")
    if key is None:
        key = await _add_key(work, "refresh", random_bytes, now)
    return key


async def _add_key(
    work: Work, purpose: Purpose, random_bytes: Callable[[int], bytes], now: int
) -> SigningKey:
    key = SigningKey(kid=work.new_id("kid"), secret=random_bytes(KEY_BYTES), created_at=now)
    await work.sessions.add_signing_key(key.kid, purpose, key.secret, now)
    return key
