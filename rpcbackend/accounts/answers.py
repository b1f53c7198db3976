"""What whoever signs in is answered, and what binds his connection."""

from datetime import UTC, datetime

from rpcbackend.accounts.sessions import Opened, Place
from rpcbackend.accounts.tries import Source
from rpcbackend.context import Context
from rpcbackend.schema.auth import SignedIn
from rpcbackend.security.refresh import make_refresh
from rpcbackend.security.tokens import issue_access


def place_of(ctx: Context) -> Place:
    """Return where this call comes from."""
    return Place(
        audience=ctx.connection.audience,
        now=ctx.host.access.now(),
        random_bytes=ctx.host.random_bytes,
    )


def source_of(ctx: Context) -> Source:
    """Return what counts wrong passwords by itself once it has signed in, if that can be told.

    Made anew in the transaction that counts: hashing takes its time, and others miss meanwhile.
    It is the desk, whoever sits there. What reaches us over a network proves nothing that would
    still be known after a restart: all of it counts together.
    """
    return Source("desk" if ctx.connection.is_desk else None, ctx.host.access.now_ms())


def signed_in(ctx: Context, opened: Opened, *, binds: bool) -> SignedIn:
    """Make the tokens of a session; with *binds* the desk's connection is in it from now on."""
    user, session = opened.user, opened.session
    # Over HTTP a connection may serve many: there only a token says who calls.
    if binds and ctx.connection.is_desk:
        ctx.connection.session_id = session.id
    now = max(ctx.host.access.now(), session.last_seen_at)
    signing = ctx.host.access.signing(ctx.connection.audience)
    return SignedIn(
        access_token=issue_access(
            key=signing.key_of(opened.access_key.secret),
            kid=opened.access_key.kid,
            audience=ctx.connection.audience,
            sub=user.id,
            sid=session.id,
            jti=ctx.ids.new("tok"),
            now_ms=now * 1_000,
            life_seconds=signing.life_seconds,
        ),
        refresh_token=make_refresh(opened.refresh_key.secret, session.family, session.counter),
        expires_at=datetime.fromtimestamp(now + signing.life_seconds, UTC),
        session=session.shown(),
        user=user,
    )
