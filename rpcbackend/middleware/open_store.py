"""Let a call through to the store only when the store is open."""

from collections.abc import Awaitable

from rpcbackend.dispatch.call import Call


def open_store(call: Call) -> Awaitable[None] | None:
    """Open a plain store on first use; refuse while an encrypted one waits for its key.

    Raises:
        NotInitializedError: The store is locked.
    """
    if call.method.needs_store and not call.context.host.is_open:
        return call.context.host.open_store()
    return None
