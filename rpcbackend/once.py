"""A command that is delivered again: it takes effect once, and its first reply is the answer."""

from collections.abc import Awaitable, Callable

from rpcbackend.errors import IdempotencyKeyReusedError
from rpcbackend.schema.base import ModelT
from rpcbackend.store import Keyed, StoredReply, Work


class DoneBeforeError(Exception):
    """This delivery of a command is a repeated one: the reply to the first is the answer."""

    def __init__(self, result: bytes) -> None:
        self.result = result
        """As it was stored, maybe by another version of this program."""
        super().__init__()


async def once(
    unit: Callable[[Work], Awaitable[ModelT]],
    keyed: Keyed,
    stored: StoredReply | None,
    work: Work,
) -> ModelT | StoredReply:
    """Run *unit* and keep its reply, or return the one that is *stored*.

    Raises:
        IdempotencyKeyReusedError: The key was used before, with other params.
    """
    if stored is None:
        result = await unit(work)
        await work.idempotency_keys.keep(
            keyed, result.model_dump_json().encode(), work.now_ms // 1_000
        )
        return result
    if stored.params_sha256 != keyed.params_sha256:
        raise IdempotencyKeyReusedError
    return stored
