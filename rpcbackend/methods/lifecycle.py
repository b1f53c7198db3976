"""How a connection begins and ends: initialize, ping, shutdown."""

from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.errors import ForbiddenError, NotInitializedError
from rpcbackend.schema.base import Empty, NoParams
from rpcbackend.schema.lifecycle import Initialize, Initialized
from rpcbackend.security.roles import Permission

AREA = ""
"""These channels have no area: JSON-RPC peers of every kind expect them by these names."""


@method(
    "initialize",
    permission=Permission.PUBLIC,
    kind="command",
    lane="control",
    needs_store=False,
    errors=(NotInitializedError, ForbiddenError),
)
async def initialize(ctx: Context, params: Initialize) -> Initialized:
    """Open an encrypted store with its key and tell what this server can do.

    A plain store serves every other call without it.
    """
    if params.capability is not None:
        ctx.connection.entrust(params.capability)
    decides = params.parent_pid is not None or params.database_key is not None
    if decides and not ctx.connection.is_main(params.capability):
        raise ForbiddenError("Only the main process decides over the store and the process's end.")
    may_end = ctx.connection.is_main(params.capability)
    return await ctx.host.initialize(params, may_end=may_end)


@method("ping", permission=Permission.PUBLIC, lane="control", needs_store=False)
async def ping(ctx: Context, params: NoParams) -> Empty:  # noqa: ARG001 (touches nothing)
    """Answer at once."""
    return _PONG


@method(
    "shutdown",
    permission=Permission.PUBLIC,
    kind="command",
    lane="control",
    needs_store=False,
    main_only=True,
    errors=(ForbiddenError,),
)
async def shutdown(ctx: Context, params: NoParams) -> Empty:  # noqa: ARG001 (takes none)
    """Refuse new work, let running calls end, close the store, answer, and exit with 0."""
    await ctx.host.shut_down()
    return Empty()


_PONG = Empty()
