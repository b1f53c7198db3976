"""How a job that a process left behind goes on: by the `resume` of its channel."""

from pydantic import ValidationError

from rpcbackend.context import Host
from rpcbackend.dispatch.registry import Registry
from rpcbackend.jobs.records import put_back
from rpcbackend.lives import confirm_again
from rpcbackend.running import Order
from rpcbackend.store import Command, LeftJob, Work

MAX_ATTEMPTS = 5
"""A job that takes its process along each time is the reason for it."""


class Resuming:
    """Knows the channels whose jobs are resumable.

    Args:
        host: The process, as handlers see it.
        registry: The channels.
    """

    def __init__(self, host: Host, registry: Registry) -> None:
        self._host, self._registry = host, registry

    def order(self, left: LeftJob) -> Order | None:
        """Return what goes on with a job, or None if nothing does: then it has failed."""
        method = self._registry.get(left.job.channel)
        if method is None or method.resume is None or left.params is None:
            return None
        if left.job.attempts >= MAX_ATTEMPTS:
            return None
        try:
            params = method.params.model_validate_json(left.params)
        except ValidationError:
            # Of another version of this program.
            return None
        permission = method.permission

        async def confirm(work: Work) -> None:
            await confirm_again(work, left.job.actor, left.session_id, permission)

        return Order(
            # It counts as begun, for it was; it waits for its turn all the same.
            job=put_back(left.job).model_copy(update={"attempts": left.job.attempts}),
            command=Command(channel=left.job.channel, session_id=left.session_id),
            run=method.resume(self._host, params),
            confirm=confirm,
            left=left,
        )
