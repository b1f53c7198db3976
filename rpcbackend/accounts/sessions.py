"""How sessions begin, go on and end."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from rpcbackend.accounts.keys import access_key, refresh_key
from rpcbackend.errors import SessionExpiredError, UnauthenticatedError
from rpcbackend.lives import AHEAD_SECONDS, is_over, life_of
from rpcbackend.rpc_error import RpcError
from rpcbackend.schema.users import User
from rpcbackend.security.refresh import (
    PresentedRefresh,
    RefreshVerdict,
    judge_refresh,
    new_family,
    read_refresh,
)
from rpcbackend.security.tokens import Audience, TokenRefusedError
from rpcbackend.store import SigningKey, StoredSession, Work

MOST = 10
"""Sessions of one user; with one more the oldest ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a session is used, and what it takes to make its tokens."""

    audience: Audience
    now: int
    """Unix seconds that never go back: see `Access.now`."""
    random_bytes: Callable[[int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A session, whose it is, and the keys of its tokens."""

    user: User
    session: StoredSession
    access_key: SigningKey
    refresh_key: SigningKey


async def open_session(
    work: Work, user: User, place: Place, *, client: str, instead_of: str | None
) -> Opened:
    """Begin a session after a password was given; always a new one, with a new id.

    Args:
        work: The unit of work.
        user: Who signed in.
        place: Where.
        client: The program.
        instead_of: The session that the connection had until now: it ends.
    """
    # A clock that was set back must not end the session as soon as it begins.
    now = await _latest(work, place)
    idle, life = life_of(user)
    await work.sessions.forget_over(
        user.id, created_by=now - life, seen_by=now - idle, seen_until=now + AHEAD_SECONDS
    )
    await end_one(work, instead_of, "replaced")
    for oldest in (await work.sessions.of_user(user.id))[: 1 - MOST]:
        await end_session(work, oldest, user, "too_many")
    session = StoredSession(
        id=work.new_id("ses"),
        user_id=user.id,
        client=client,
        audience=place.audience,
        created_at=now,
        last_seen_at=now,
        password_at=now,
        family=new_family(place.random_bytes),
        counter=0,
        rotated_at_ms=work.now_ms,
    )
    await work.sessions.add(session)
    await work.record(
        "auth.login_succeeded",
        ("user", user.id, user.version),
        {"userId": user.id, "sessionId": session.id},
    )
    return await _with_keys(work, user, session, replace(place, now=now))


async def refresh_session(work: Work, token: str, place: Place) -> Opened | RpcError:
    """Go on with the session of a refresh token, under its next one.

    A token that was used before shows that somebody has a copy: the session ends (RFC 9700 section
    4.14.2), and what is told then is the same as for a session that is over.

    Raises:
        UnauthenticatedError: The token is none of ours, or another door's.
        SessionExpiredError: The session is gone.
    """
    place = replace(place, now=await _latest(work, place))
    presented = await _read(work, token, place)
    session = await work.sessions.of_family(presented.family)
    user = await work.users.get(session.user_id) if session else None
    if session is None or user is None:
        raise SessionExpiredError
    if session.audience != place.audience:
        raise UnauthenticatedError("The token is not valid.")
    if is_over(session, user, place.now):
        await end_session(work, session, user, "expired")
        return SessionExpiredError()
    verdict = judge_refresh(
        current_counter=session.counter,
        rotated_at_ms=session.rotated_at_ms,
        presented_counter=presented.counter,
        now_ms=work.now_ms,
    )
    if verdict is RefreshVerdict.REUSE:
        await end_session(work, session, user, "reuse")
        return SessionExpiredError()
    if verdict is RefreshVerdict.ROTATE:
        session = replace(
            session,
            counter=session.counter + 1,
            rotated_at_ms=work.now_ms,
            last_seen_at=max(session.last_seen_at, place.now),
        )
        await work.sessions.rotate(session)
    work.actor = user.id
    return await _with_keys(work, user, session, place)


async def end_session(work: Work, session: StoredSession, user: User, reason: str) -> None:
    """End a session and leave an event that says why."""
    if await work.sessions.remove(session.id):
        await work.record(
            "auth.session_revoked",
            ("user", user.id, user.version),
            {"userId": user.id, "sessionId": session.id, "reason": reason},
        )


async def end_sessions(work: Work, user: User, reason: str, *, but: str | None = None) -> None:
    """End the user's sessions, all or all *but* one."""
    for session in await work.sessions.of_user(user.id):
        if session.id != but:
            await end_session(work, session, user, reason)


async def _latest(work: Work, place: Place) -> int:
    """Return the time of the place, or a later one at which a session certainly was used."""
    return max(place.now, await work.sessions.last_seen(at_most=place.now + AHEAD_SECONDS))


async def end_one(work: Work, session_id: str | None, reason: str) -> None:
    """End a session, if there is one of that id."""
    session = await work.sessions.get(session_id) if session_id else None
    if session is not None:
        await end_session(work, session, await work.users.require(session.user_id), reason)


async def _read(work: Work, token: str, place: Place) -> PresentedRefresh:
    key = await refresh_key(work, place.random_bytes, place.now)
    try:
        return read_refresh(key.secret, token)
    except TokenRefusedError:
        raise UnauthenticatedError("The token is not valid.") from None


async def _with_keys(work: Work, user: User, session: StoredSession, place: Place) -> Opened:
    return Opened(
        user=user,
        session=session,
        access_key=await access_key(work, place.random_bytes, place.now),
        refresh_key=await refresh_key(work, place.random_bytes, place.now),
    )
