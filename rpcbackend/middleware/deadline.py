"""Give every call a time by which it must be over."""

from rpcbackend.dispatch.call import Call, Proceed
from rpcbackend.dispatch.registry import Kind, Result

DEFAULT_SECONDS: dict[Kind, float] = {"query": 5, "command": 10}
"""protocol.md section 7; the caller may choose another by `_meta.timeoutMs`."""


async def deadline(call: Call, proceed: Proceed) -> Result:
    """Set the deadline; the server stops a call that is still waiting then."""
    wanted_ms = call.context.meta.timeout_ms
    seconds = wanted_ms / 1_000 if wanted_ms is not None else DEFAULT_SECONDS[call.method.kind]
    # Control calls such as shutdown bound themselves.
    if call.method.lane == "work":
        call.flight.deadline_at = call.context.clock.monotonic() + seconds
    return await proceed(call)
