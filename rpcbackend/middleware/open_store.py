"""Let a call through to the store only when the store is open."""

from rpcbackend.dispatch.call import Call, Proceed
from rpcbackend.dispatch.registry import Result


async def open_store(call: Call, proceed: Proceed) -> Result:
    """Open a plain store on first use; refuse while an encrypted one waits for its key.

    Raises:
        NotInitializedError: The store is locked.
    """
    if call.method.needs_store and not call.context.host.is_open:
        await call.context.host.open_store()
    return await proceed(call)
