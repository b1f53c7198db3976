"""Transactions whose outcome may be a refusal that leaves traces, and that never run dry."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from rpcbackend.context import Context
from rpcbackend.errors import InvalidParamsError, UnauthenticatedError
from rpcbackend.rpc_error import RpcError
from rpcbackend.store import Command, Work
from rpcbackend.store.changes import Changes

T = TypeVar("T")


async def commit(ctx: Context, unit: Callable[[Work], Awaitable[T | RpcError]]) -> T:
    """Run *unit* as one transaction; an error that it returns is raised once all of it is kept.

    An error that it raises takes everything back, as usual. A wrong password must not. The audit
    gets a row, but none for a refusal that changed no record: misses stand among the events, and
    who knows no password cannot fill the audit with them.

    Raises:
        InvalidParamsError: It is a dry run: the try would be free, for nothing would count it.
    """
    _refuse_dry_run(ctx)
    store = ctx.host.store
    command = Command(channel=ctx.channel, session_id=ctx.principal.session_id)

    async def audited(work: Work) -> T | RpcError:
        await ctx.confirm(work)
        work.tx.changes = changes = Changes()
        result = await unit(work)
        if not isinstance(result, RpcError) or any(changes):
            await work.audit.append(command, at_ms=work.now_ms, actor=work.actor, changes=changes)
        return result

    result = await store.write(audited, actor=ctx.actor)
    if isinstance(result, RpcError):
        if isinstance(result, UnauthenticatedError):
            ctx.host.guesses.miss(ctx.connection.source)
        raise result
    ctx.result_meta["seq"] = store.head_seq
    return result


def require_try(ctx: Context) -> None:
    """Check that a password of this caller may be looked at, and will be counted if it is wrong.

    Raises:
        RateLimitedError: Too many of this source, or of all, did not fit.
        InvalidParamsError: It is a dry run.
    """
    _refuse_dry_run(ctx)
    ctx.host.guesses.check(ctx.connection.source)


def _refuse_dry_run(ctx: Context) -> None:
    if ctx.meta.dry_run:
        raise InvalidParamsError(
            details={"errors": [{"path": "_meta.dryRun", "rule": "not_supported"}]}
        )
