"""The contract itself: rpc.discover."""

from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.schema.base import Encoded, NoParams
from rpcbackend.schema.rpc import OpenRpcDocument
from rpcbackend.security.roles import Permission


@method("rpc.discover", permission=Permission.PUBLIC, cost="heavy", needs_store=False)
async def discover(ctx: Context, params: NoParams) -> Encoded[OpenRpcDocument]:  # noqa: ARG001 (takes none)
    """Return the OpenRPC document of every channel."""
    return Encoded(ctx.host.contract())
