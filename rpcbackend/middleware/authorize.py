"""Let a call through only to whoever may make it."""

from rpcbackend.dispatch.call import Call, Proceed
from rpcbackend.dispatch.registry import Result
from rpcbackend.errors import ForbiddenError, PasswordRequiredError
from rpcbackend.security.roles import Permission

FRESH_SECONDS = 5 * 60
"""How long a password counts as just given."""


async def authorize(call: Call, proceed: Proceed) -> Result:
    """Check permission, a fresh password, and the capability of the main process.

    Raises:
        UnauthenticatedError: Nobody is signed in.
        ForbiddenError: He may not, or only the main process may.
        ScopeMissingError: The API key lacks the scope.
        PasswordRequiredError: He may, but gave his password too long ago.
    """
    method, context = call.method, call.context
    if method.main_only and not context.connection.is_main(context.meta.capability):
        raise ForbiddenError("Only the main process of the desktop program may do this.")
    if method.permission is not Permission.PUBLIC:
        context.check(method.permission)
    if method.step_up and context.principal.kind == "user":
        given = context.host.access.now() - context.principal.password_at
        if given > FRESH_SECONDS:
            raise PasswordRequiredError
    return await proceed(call)
