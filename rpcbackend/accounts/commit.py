"""Transactions whose outcome may be a refusal that leaves traces, and that never run dry."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from rpcbackend.context import Context
from rpcbackend.errors import InvalidParamsError, RpcError
from rpcbackend.store import Work

T = TypeVar("T")


async def commit(
    ctx: Context, unit: Callable[[Work], Awaitable[T | RpcError]], *, actor: str | None = None
) -> T:
    """Run *unit* as one transaction; an error that it returns is raised once all of it is kept.

    An error that it raises takes everything back, as usual. A wrong password must not.

    Args:
        ctx: The call.
        unit: What to do.
        actor: Who does it, where that is not who calls: nobody is signed in before a login.

    Raises:
        InvalidParamsError: It is a dry run: the try would be free, for nothing would count it.
    """
    refuse_dry_run(ctx)
    store = ctx.host.store
    result = await store.write(unit, actor=actor or ctx.actor)
    if isinstance(result, RpcError):
        raise result
    ctx.result_meta["seq"] = store.head_seq
    return result


def refuse_dry_run(ctx: Context) -> None:
    """Refuse a dry run, before a password is looked at.

    Raises:
        InvalidParamsError: It is one.
    """
    if ctx.meta.dry_run:
        raise InvalidParamsError(
            details={"errors": [{"path": "_meta.dryRun", "rule": "not_supported"}]}
        )
