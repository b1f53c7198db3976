"""Mark a keyed command, so that its effect and its reply are stored together, once (rule A2)."""

import hashlib

from rpcbackend.context import Context
from rpcbackend.dispatch.call import Call, Proceed
from rpcbackend.dispatch.registry import Result
from rpcbackend.errors import InvalidParamsError
from rpcbackend.once import DoneBeforeError
from rpcbackend.protocol.codec import canonical
from rpcbackend.schema.base import Encoded
from rpcbackend.security.roles import Reach
from rpcbackend.store import Keyed

KEY_REQUIRED = {
    "path": "_meta.idempotencyKey",
    "rule": "missing",
    "message": "Field required: this command is never done twice",
}
"""What a call of a `once` channel is told that came without a key."""


async def idempotency(call: Call, proceed: Proceed) -> Result:
    """Hand the key, bound to caller, channel and params, to the command's transaction.

    What was stored is answered as it was stored, whatever today's model would make of it: between
    the two deliveries the program may have been brought up to date.

    Raises:
        InvalidParamsError: The channel asks for a key, and none came.
    """
    context = call.context
    key = context.meta.idempotency_key
    if key is None and call.method.idempotency == "once":
        raise InvalidParamsError(details={"errors": [KEY_REQUIRED]})
    if key is not None and call.method.may_repeat:
        # What was left out is not the same as what was set to null.
        params = canonical(call.params.model_dump(mode="json", exclude_unset=True))
        context.keyed = Keyed(
            actor=_whose(context),
            channel=call.method.channel,
            key=key,
            params_sha256=hashlib.sha256(params).digest(),
        )
    try:
        return await proceed(call)
    except DoneBeforeError as before:
        return Encoded(before.result)


def _whose(context: Context) -> str:
    """Name the caller and what he sees: a stored reply must not show him what is hidden by now."""
    if context.principal.reach(context.permission) is Reach.ALL:
        return context.actor
    return f"{context.actor} as {context.principal.person_id}"
