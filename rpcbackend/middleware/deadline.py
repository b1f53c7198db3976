"""Give every call a time by which it must be over."""

from rpcbackend.dispatch.call import Call, Proceed
from rpcbackend.dispatch.registry import Kind, Result
from rpcbackend.errors import DeadlineExceededError

DEFAULT_SECONDS: dict[Kind, float] = {"query": 5, "command": 10}
"""protocol.md section 7; the caller may choose another by `_meta.timeoutMs`."""


async def deadline(call: Call, proceed: Proceed) -> Result:
    """Set the deadline, counted from arrival; the server stops a call that still waits then.

    Raises:
        DeadlineExceededError: It passed while the call was queued; nothing was run.
    """
    wanted_ms = call.context.meta.timeout_ms
    seconds = wanted_ms / 1_000 if wanted_ms is not None else DEFAULT_SECONDS[call.method.kind]
    # Control calls such as shutdown bound themselves.
    if call.method.lane == "work":
        deadline_at = call.flight.arrived_at + seconds
        if call.context.clock.monotonic() >= deadline_at:
            raise DeadlineExceededError("The call ran out of time while it waited for its turn.")
        call.flight.deadline_at = deadline_at
    return await proceed(call)
