"""API keys: let other programs in, for what their scopes open."""

from datetime import timedelta

from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.errors import (
    ForbiddenError,
    InvalidParamsError,
    NotFoundError,
    PasswordRequiredError,
)
from rpcbackend.schema.apikeys import (
    ApiKey,
    ApiKeyPage,
    CreateApiKey,
    CreatedApiKey,
    RevokeApiKey,
)
from rpcbackend.schema.base import Encoded, NoParams
from rpcbackend.security.api_keys import make_api_key
from rpcbackend.security.principal import Principal
from rpcbackend.security.roles import NEEDS, SCOPES, Permission
from rpcbackend.store import Work


@method(
    "apikeys.create",
    permission=Permission.APIKEYS_WRITE,
    kind="command",
    idempotency="once",
    step_up=True,
    errors=(ForbiddenError, PasswordRequiredError),
    events=("apikeys.created",),
)
async def create(ctx: Context, params: CreateApiKey) -> CreatedApiKey:
    """Make a key that may what its scopes say, and never more than who made it.

    `students:write` wants `students:read` beside it: whoever changes a student is answered all of
    him. `lessons:read` tells of lessons, instructors, vehicles and branches, and of no student.

    The secret is in this one answer and nowhere else: a repeated delivery, and a dry run, answer
    null in its place. So when no answer came, the same call with the same idempotency key tells
    which API key was made, and nobody knows its secret: revoke it, and make another by a new call.
    """
    if ctx.principal.kind != "user":
        raise ForbiddenError("There is no user yet: make the first owner with auth.bootstrap.")
    _check_scopes(params.scopes, ctx.principal)
    made = make_api_key(ctx.host.random_bytes)

    async def unit(work: Work) -> CreatedApiKey:
        now = work.now.replace(microsecond=0)
        key = ApiKey(
            id=made.id,
            name=params.name,
            scopes=sorted(set(params.scopes)),
            user_id=ctx.actor,
            created_at=now,
            expires_at=now + timedelta(days=params.days),
            revoked_at=None,
            last_used_at=None,
        )
        await work.api_keys.add(key, made.secret_hash)
        await work.record("apikeys.created", ("api_key", key.id, 1), {"keyId": key.id})
        # Without the secret: what a unit returns may be stored for a repeated delivery.
        return CreatedApiKey(key=key, secret=None)

    created = await ctx.write(unit)
    if ctx.meta.dry_run:
        return created
    return created.model_copy(update={"secret": made.text})


@method("apikeys.list", permission=Permission.APIKEYS_READ)
async def list_all(ctx: Context, params: NoParams) -> Encoded[ApiKeyPage]:  # noqa: ARG001 (takes none)
    """Return all keys, the newest first; none shows its secret."""
    await ctx.host.access.noted()
    return await ctx.read(lambda work: work.api_keys.list())


@method(
    "apikeys.revoke",
    permission=Permission.APIKEYS_WRITE,
    kind="command",
    idempotency="natural",
    step_up=True,
    errors=(NotFoundError, PasswordRequiredError),
    events=("apikeys.revoked",),
)
async def revoke(ctx: Context, params: RevokeApiKey) -> ApiKey:
    """Let a key open nothing any more, from now on; one that is revoked already stays as it is."""

    async def unit(work: Work) -> ApiKey:
        key = await work.api_keys.require(params.key_id)
        if key.revoked_at is not None:
            return key
        await work.api_keys.revoke(key.id, work.now_ms // 1_000)
        await work.record("apikeys.revoked", ("api_key", key.id, 2), {"keyId": key.id})
        return await work.api_keys.require(key.id)

    return await ctx.write(unit)


def _check_scopes(scopes: list[str], maker: Principal) -> None:
    unknown = [index for index, scope in enumerate(scopes) if scope not in SCOPES]
    if unknown:
        errors = [{"path": f"scopes.{index}", "rule": "unknown_scope"} for index in unknown]
        raise InvalidParamsError(details={"errors": errors})
    opened = {permission for scope in scopes for permission in SCOPES[scope]}
    useless = [
        index
        for index, scope in enumerate(scopes)
        if any(NEEDS.get(permission, permission) not in opened for permission in SCOPES[scope])
    ]
    if useless:
        errors = [{"path": f"scopes.{index}", "rule": "needs_read_scope"} for index in useless]
        raise InvalidParamsError(details={"errors": errors})
    if not opened <= maker.grants.keys():
        raise ForbiddenError("A key may not do more than who makes it.")
