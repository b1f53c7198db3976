"""Find out who calls: by his token, else by the session of his connection."""

from collections.abc import Awaitable

from rpcbackend.dispatch.call import Call
from rpcbackend.security.roles import Permission

_PUBLIC = Permission.PUBLIC


def authenticate(call: Call) -> Awaitable[None] | None:
    """Note the principal; who it is does not matter to open channels that need no store.

    Raises:
        UnauthenticatedError: The token or API key is none of ours.
        SessionExpiredError: The token, or the session of the connection, is over.
    """
    context = call.context
    is_asked = call.method.permission is not _PUBLIC or context.meta.token is not None
    if is_asked and call.method.needs_store and not context.recall():
        return context.identify()
    return None
