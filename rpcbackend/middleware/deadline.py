"""Give every call a time by which it must be over."""

from rpcbackend.dispatch.call import Call
from rpcbackend.dispatch.flight import LATE, budget_seconds
from rpcbackend.errors import DeadlineExceededError
from rpcbackend.schema.limits import Limits


class Deadline:
    """Set the deadline, counted from arrival; the server stops a call that still waits then.

    Args:
        limits: How long a call may take that does not say so by `_meta.timeoutMs`.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def __call__(self, call: Call) -> None:
        """Let the call pass if there is time left.

        Raises:
            DeadlineExceededError: It passed before the call could begin; nothing was run.
        """
        # shutdown and initialize bound themselves.
        if call.method.lane == "work" or call.method.kind == "query":
            seconds = budget_seconds(self._limits, call.method.kind, call.context.meta.timeout_ms)
            deadline_at = call.flight.arrived_at + seconds
            if call.context.clock.monotonic() >= deadline_at:
                raise DeadlineExceededError(LATE)
            call.flight.deadline_at = deadline_at
