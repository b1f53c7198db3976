"""Mark a keyed command, so that its effect and its reply are stored together, once."""

import hashlib

from rpcbackend.dispatch.call import Call, Proceed
from rpcbackend.dispatch.registry import Result
from rpcbackend.protocol.codec import canonical
from rpcbackend.store import Keyed


async def idempotency(call: Call, proceed: Proceed) -> Result:
    """Hand the key, bound to caller, channel and params, to the command's transaction."""
    context = call.context
    key = context.meta.idempotency_key
    if key is not None and call.method.may_repeat:
        # What was left out is not the same as what was set to null.
        params = canonical(call.params.model_dump(mode="json", exclude_unset=True))
        context.keyed = Keyed(
            actor=context.actor,
            channel=call.method.channel,
            key=key,
            params_sha256=hashlib.sha256(params).digest(),
        )
    return await proceed(call)
