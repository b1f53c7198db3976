"""Let a call through only to whoever may make it."""

from rpcbackend.context import FRESH_SECONDS
from rpcbackend.dispatch.call import Call
from rpcbackend.errors import ForbiddenError
from rpcbackend.security.roles import Permission

__all__ = ["FRESH_SECONDS", "authorize"]

_PUBLIC = Permission.PUBLIC


def authorize(call: Call) -> None:
    """Check permission, a fresh password, and the capability of the main process.

    Raises:
        UnauthenticatedError: Nobody is signed in.
        ForbiddenError: He may not, or only the main process may, or no API key may.
        ScopeMissingError: The API key lacks the scope.
        PasswordRequiredError: He may, but gave his password too long ago.
    """
    method, context = call.method, call.context
    if method.main_only and not context.connection.is_main(context.meta.capability):
        raise ForbiddenError("Only the main process of the desktop program may do this.")
    if method.permission is not _PUBLIC:
        context.check(method.permission)
    if method.step_up:
        context.check_fresh()
