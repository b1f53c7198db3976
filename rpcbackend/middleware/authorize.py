"""Let a call through only to whoever may make it."""

from rpcbackend.context import Context
from rpcbackend.dispatch.call import Call, Proceed
from rpcbackend.dispatch.registry import Result
from rpcbackend.errors import ForbiddenError, PasswordRequiredError
from rpcbackend.security.roles import Permission

FRESH_SECONDS = 5 * 60
"""How long a password counts as just given."""

_PUBLIC = Permission.PUBLIC


async def authorize(call: Call, proceed: Proceed) -> Result:
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
        _check_password(context)
    return await proceed(call)


def _check_password(context: Context) -> None:
    principal = context.principal
    if principal.kind == "api_key":
        raise ForbiddenError("An API key may not do this, whatever its scopes.")
    seconds_ago = context.host.access.now() - principal.password_at
    # A school without users has no passwords either.
    if principal.kind == "user" and seconds_ago > FRESH_SECONDS:
        raise PasswordRequiredError
