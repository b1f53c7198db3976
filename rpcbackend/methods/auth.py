"""Signing in and out, and what one proves oneself with.

No answer of these channels is kept for a repeated delivery, and none can be asked for dry: a try
that nothing counts would be free.
"""

from dataclasses import replace

from rpcbackend.accounts.answers import place_of, signed_in, source_of
from rpcbackend.accounts.commit import commit, require_try
from rpcbackend.accounts.factors import begin_enrolment, finish_enrolment
from rpcbackend.accounts.first import add_first_owner, require_nobody
from rpcbackend.accounts.passwords import Change, check_new, hash_to_change
from rpcbackend.accounts.passwords import change_password as put_password
from rpcbackend.accounts.sessions import Opened, end_one, open_session, refresh_session
from rpcbackend.accounts.tries import Try, judge, note_success, password_hash_of
from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.errors import (
    AccountLockedError,
    ForbiddenError,
    InvalidParamsError,
    MfaRequiredError,
    NotFoundError,
    PasswordRequiredError,
    SessionExpiredError,
    UnauthenticatedError,
)
from rpcbackend.rpc_error import RpcError
from rpcbackend.schema.auth import (
    Bootstrap,
    ChangePassword,
    EnrolMfa,
    LogIn,
    LogOut,
    Me,
    MfaEnrolled,
    Refresh,
    SignedIn,
)
from rpcbackend.schema.base import Empty, NoParams
from rpcbackend.security.principal import Principal
from rpcbackend.security.roles import Permission
from rpcbackend.store import Work


@method(
    "auth.bootstrap",
    permission=Permission.PUBLIC,
    kind="command",
    idempotency="none",
    errors=(ForbiddenError,),
    events=("users.created", "auth.login_succeeded"),
)
async def bootstrap(ctx: Context, params: Bootstrap) -> SignedIn:
    """Make the first owner, at the desk, and sign him in; from then on everybody has to sign in."""
    await require_try(ctx)
    if not ctx.connection.is_desk:
        raise ForbiddenError("The first owner is made at the desk.")
    await ctx.read(require_nobody)
    check_new(params.password, params.login, "password")
    password_hash = await ctx.host.hashing.hash(params.password)
    place = place_of(ctx)

    async def unit(work: Work) -> Opened:
        user = await add_first_owner(work, params.login, password_hash)
        await note_success(work, params.login, source_of(ctx))
        return await open_session(work, user, place, client=params.client, instead_of=None)

    return signed_in(ctx, await commit(ctx, unit, is_try=True), binds=True)


@method(
    "auth.login",
    permission=Permission.PUBLIC,
    kind="command",
    idempotency="none",
    errors=(UnauthenticatedError, AccountLockedError, MfaRequiredError),
    events=("auth.login_succeeded", "auth.login_failed", "auth.session_revoked"),
)
async def login(ctx: Context, params: LogIn) -> SignedIn:
    """Sign in on this connection; the session that it had until now ends.

    Whatever does not fit is answered the same, and from the fifth miss in a row on each doubles
    the wait for the next try. MFA_REQUIRED answers a right password that wants a code beside it.
    """
    await require_try(ctx)
    hashing = ctx.host.hashing
    source = source_of(ctx)
    password_hash = await ctx.read(lambda work: password_hash_of(work, params.login, source))
    is_right = await hashing.verify(password_hash, params.password)
    rehashed = None
    if is_right and password_hash is not None and hashing.needs_rehash(password_hash):
        rehashed = await hashing.hash(params.password)
    tried = Try(
        login=params.login,
        source=source,
        password_hash=password_hash,
        is_right=is_right,
        rehashed=rehashed,
        mfa_code=params.mfa_code,
        recovery_code=params.recovery_code,
    )
    place, instead_of = place_of(ctx), ctx.connection.session_id

    async def unit(work: Work) -> Opened | RpcError:
        user = await judge(work, replace(tried, source=source_of(ctx)))
        if isinstance(user, RpcError):
            return user
        work.actor = user.id
        return await open_session(work, user, place, client=params.client, instead_of=instead_of)

    opened = await commit(ctx, unit, is_try=True)
    meanwhile = ctx.connection.session_id
    answer = signed_in(ctx, opened, binds=True)
    if meanwhile not in (None, instead_of):
        # Another login of this connection was quicker: one session at a time, here too.
        await commit(ctx, lambda work: end_one(work, meanwhile, "replaced"))
    return answer


@method(
    "auth.refresh",
    permission=Permission.PUBLIC,
    kind="command",
    idempotency="none",
    errors=(UnauthenticatedError, SessionExpiredError),
    events=("auth.session_revoked",),
)
async def refresh(ctx: Context, params: Refresh) -> SignedIn:
    """Exchange a refresh token for the next pair; send it without `_meta.token`.

    The same token again within ten seconds gives the same successor, for replies that got lost.
    Any older one ends the session: somebody has a copy. A connection on which nobody is signed in
    takes the session up, so that a restart of this process signs nobody out.
    """
    place = place_of(ctx)
    opened = await commit(ctx, lambda work: refresh_session(work, params.refresh_token, place))
    return signed_in(ctx, opened, binds=ctx.connection.session_id is None)


@method(
    "auth.logout",
    permission=Permission.SIGNED_IN,
    kind="command",
    idempotency="natural",
    events=("auth.logged_out",),
)
async def logout(ctx: Context, params: LogOut) -> Empty:
    """End the session that this call was made in, or all of the user's; at once, tokens too."""
    session_id = ctx.principal.session_id

    async def unit(work: Work) -> set[str]:
        if session_id is None:
            return set()
        user = await work.users.require(ctx.actor)
        ended = {one.id for one in await work.sessions.of_user(user.id)}
        if not params.all_sessions:
            ended &= {session_id}
        for one in sorted(ended):
            await work.sessions.remove(one)
            data = {"userId": user.id, "sessionId": one}
            await work.record("auth.logged_out", ("user", user.id, user.version), data)
        return ended

    if ctx.connection.session_id in await commit(ctx, unit):
        ctx.connection.session_id = None
    return Empty()


@method("auth.me", permission=Permission.SIGNED_IN, errors=(SessionExpiredError,))
async def me(ctx: Context, params: NoParams) -> Me:  # noqa: ARG001 (takes none)
    """Say who calls and what he may do; UNAUTHENTICATED asks for a login.

    While no user exists nobody has to sign in: isLocal is true and there is no user.
    """
    me = await _tell_of(ctx, ctx.principal)
    while me is None:
        # Another one signed in on this connection since it was looked up who calls.
        await ctx.identify()
        me = await _tell_of(ctx, ctx.principal)
    return me


async def _tell_of(ctx: Context, principal: Principal) -> Me | None:
    """Return who that is, or None if his session has ended by now."""
    now = ctx.host.access.now()

    async def unit(work: Work) -> Me | None:
        user = await work.users.get(principal.actor)
        session = await work.sessions.get(principal.session_id or "")
        if session is not None:
            # The store learns of it beside the call.
            session = replace(session, last_seen_at=max(session.last_seen_at, now))
        elif principal.session_id is not None:
            return None
        return Me(
            is_local=principal.kind == "local",
            user=user,
            session=session.shown() if session else None,
            roles=user.roles if user else [],
            permissions={
                permission: reach.value
                for permission, reach in sorted(principal.grants.items())
                if ":" in permission
            },
        )

    return await ctx.read(unit)


@method(
    "auth.changePassword",
    permission=Permission.SIGNED_IN,
    kind="command",
    idempotency="none",
    errors=(
        UnauthenticatedError,
        SessionExpiredError,
        AccountLockedError,
        ForbiddenError,
        PasswordRequiredError,
        NotFoundError,
    ),
    events=("auth.password_changed", "auth.login_failed", "auth.session_revoked"),
)
async def change_password(ctx: Context, params: ChangePassword) -> Empty:
    """Change one's own password, or set somebody else's as owner; his other sessions end.

    One's own wants currentPassword, where misses count as they do for auth.login. Somebody else's
    wants a password given in the last five minutes; his second factor stays.
    """
    await require_try(ctx)
    _require_user(ctx)
    user_id, hashing = params.user_id or ctx.actor, ctx.host.hashing
    is_own = user_id == ctx.actor
    if not is_own:
        ctx.check(Permission.USERS_WRITE)
        ctx.check_fresh()
    elif params.current_password is None:
        error = {"path": "currentPassword", "rule": "missing"}
        raise InvalidParamsError(details={"errors": [error]})
    source = source_of(ctx)
    of_login, old_hash = await ctx.read(
        lambda work: hash_to_change(work, user_id, ctx.principal, source)
    )
    check_new(params.new_password, of_login, "newPassword")
    is_right = not is_own or await hashing.verify(old_hash, params.current_password or "")
    change = Change(
        user_id=user_id,
        by=ctx.principal,
        source=source,
        old_hash=old_hash,
        is_right=is_right,
        new_hash=await hashing.hash(params.new_password) if is_right else "",
    )

    async def unit(work: Work) -> Empty | RpcError:
        return await put_password(work, replace(change, source=source_of(ctx)))

    return await commit(ctx, unit, is_try=True)


@method(
    "auth.mfaEnrol",
    permission=Permission.SIGNED_IN,
    kind="command",
    idempotency="none",
    step_up=True,
    errors=(ForbiddenError, PasswordRequiredError),
    events=("auth.mfa_enabled", "auth.session_revoked"),
)
async def mfa_enrol(ctx: Context, params: EnrolMfa) -> MfaEnrolled:
    """Take up a second factor: first without a code, then with the first one that is shown.

    From the second call on every login needs a code; the user's other sessions end.
    """
    _require_user(ctx)
    random_bytes, code = ctx.host.random_bytes, params.code

    async def unit(work: Work) -> MfaEnrolled:
        if code is None:
            return await begin_enrolment(work, ctx.actor, random_bytes)
        return await finish_enrolment(work, ctx.principal, code, random_bytes)

    return await commit(ctx, unit)


def _require_user(ctx: Context) -> None:
    if ctx.principal.kind != "user":
        raise ForbiddenError("There is no user yet: make the first owner with auth.bootstrap.")
