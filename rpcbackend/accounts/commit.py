"""Transactions whose outcome may be a refusal that leaves traces, and that never run dry."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from rpcbackend.accounts.guesses import note_guess, require_guess
from rpcbackend.context import Context
from rpcbackend.errors import InvalidParamsError, UnauthenticatedError
from rpcbackend.rpc_error import RpcError
from rpcbackend.store import Command, Work
from rpcbackend.store.changes import Changes

T = TypeVar("T")


async def commit(
    ctx: Context, unit: Callable[[Work], Awaitable[T | RpcError]], *, is_try: bool = False
) -> T:
    """Run *unit* as one transaction; an error that it returns is raised once all of it is kept.

    An error that it raises takes everything back, as usual. A wrong password must not. The audit
    gets a row, but none for a refusal that changed no record: misses stand among the events, and
    who knows no password cannot fill the audit with them.

    Args:
        ctx: The call.
        unit: What to do.
        is_try: Whether a password is tried. Others may have missed since `require_try`: then it
            is refused here, whether it fits or not.

    Raises:
        RateLimitedError: Too many of this source, or of all, did not fit.
        InvalidParamsError: It is a dry run: the try would be free, for nothing would count it.
    """
    _refuse_dry_run(ctx)
    store = ctx.host.store
    command = Command(channel=ctx.channel, session_id=ctx.principal.session_id)

    async def audited(work: Work) -> T | RpcError:
        await ctx.confirm(work)
        if is_try:
            await require_guess(work, _source_of(ctx), ctx.host.access.now_ms())
        work.tx.changes = changes = Changes()
        result = await unit(work)
        if isinstance(result, UnauthenticatedError):
            await note_guess(work, _source_of(ctx), ctx.host.access.now_ms())
        if not isinstance(result, RpcError) or any(changes):
            await work.audit.append(command, at_ms=work.now_ms, actor=work.actor, changes=changes)
        return result

    result = await store.write(audited, actor=ctx.actor)
    if isinstance(result, RpcError):
        raise result
    ctx.result_meta["seq"] = store.head_seq
    return result


async def require_try(ctx: Context) -> None:
    """Check that a password of this caller may be looked at, before it costs a hash.

    It will be counted if it is wrong.

    Raises:
        RateLimitedError: Too many of this source, or of all, did not fit.
        InvalidParamsError: It is a dry run.
    """
    _refuse_dry_run(ctx)
    # Nobody has to be known here, so nobody has asked the store yet how late it is.
    await ctx.host.access.learn_time(ctx.host.store)
    now_ms = ctx.host.access.now_ms()
    await ctx.read(lambda work: require_guess(work, _source_of(ctx), now_ms))


def _source_of(ctx: Context) -> str:
    """Name where a password comes from: over HTTP an address, the same in every process."""
    source = ctx.connection.source
    if ctx.connection.audience == "http":
        return source
    # Each desk counts by itself, and all of them number their connections alike.
    return f"{ctx.host.store.engine.others.own_name}/{source}"


def _refuse_dry_run(ctx: Context) -> None:
    if ctx.meta.dry_run:
        raise InvalidParamsError(
            details={"errors": [{"path": "_meta.dryRun", "rule": "not_supported"}]}
        )
