"""Sessions: see where somebody is signed in, and end that."""

from rpcbackend.accounts.sessions import end_session
from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.errors import ForbiddenError, NotFoundError
from rpcbackend.lives import AHEAD_SECONDS, life_of
from rpcbackend.schema.base import Empty, Encoded
from rpcbackend.schema.sessions import ListSessions, RevokeSession, SessionPage
from rpcbackend.security.roles import Permission
from rpcbackend.store import Work


@method("sessions.list", permission=Permission.SIGNED_IN, errors=(ForbiddenError, NotFoundError))
async def list_all(ctx: Context, params: ListSessions) -> Encoded[SessionPage]:
    """Return one's own sessions, or somebody's for who may see the users; the last used first."""
    user_id, now = params.user_id or ctx.actor, ctx.host.access.now()
    if user_id != ctx.actor:
        ctx.check(Permission.USERS_READ)

    async def unit(work: Work) -> Encoded[SessionPage]:
        # While there is no user the caller is none: he has no sessions.
        if params.user_id is None and ctx.principal.kind == "local":
            return Encoded(b'{"items":[]}')
        idle, life = life_of(await work.users.require(user_id))
        return await work.sessions.list(
            user_id,
            created_after=now - life,
            seen_after=now - idle,
            seen_until=now + AHEAD_SECONDS,
        )

    return await ctx.read(unit)


@method(
    "sessions.revoke",
    permission=Permission.SIGNED_IN,
    kind="command",
    idempotency="natural",
    errors=(NotFoundError,),
    events=("auth.session_revoked",),
)
async def revoke(ctx: Context, params: RevokeSession) -> Empty:
    """End a session of one's own, or anybody's for who may change the users; at once."""
    may_end_any = ctx.principal.reach(Permission.USERS_WRITE) is not None

    async def unit(work: Work) -> Empty:
        session = await work.sessions.get(params.session_id)
        if session is None or not (may_end_any or session.user_id == ctx.actor):
            # Whose it is, is nobody else's business: it is not there.
            raise NotFoundError.of("session", params.session_id)
        await end_session(work, session, await work.users.require(session.user_id), "revoked")
        return Empty()

    return await ctx.write(unit)
