"""Mark a keyed command, so that its effect and its reply are stored together, once."""

import hashlib

from rpcbackend.context import Context
from rpcbackend.dispatch.call import Call, Proceed
from rpcbackend.dispatch.registry import Result
from rpcbackend.protocol.codec import canonical
from rpcbackend.security.roles import Reach
from rpcbackend.store import Keyed


async def idempotency(call: Call, proceed: Proceed) -> Result:
    """Hand the key, bound to caller, channel and params, to the command's transaction."""
    context = call.context
    key = context.meta.idempotency_key
    if key is not None and call.method.may_repeat:
        # What was left out is not the same as what was set to null.
        params = canonical(call.params.model_dump(mode="json", exclude_unset=True))
        context.keyed = Keyed(
            actor=_whose(context),
            channel=call.method.channel,
            key=key,
            params_sha256=hashlib.sha256(params).digest(),
        )
    return await proceed(call)


def _whose(context: Context) -> str:
    """Name the caller and what he sees: a stored reply must not show him what is hidden by now."""
    if context.principal.reach(context.permission) is Reach.ALL:
        return context.actor
    return f"{context.actor} as {context.principal.person_id}"
