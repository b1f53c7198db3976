"""When a message may be sent to whom it is for."""

from datetime import UTC, datetime

from rpcbackend.domain.quiet import quiet_hours
from rpcbackend.store import Message


def quiet_until_ms(message: Message, now_ms: int) -> int | None:
    """Return until when its recipient is left alone; None if it may be sent now.

    It was queued for a time at which he is not, but may have been held up until another one.
    """
    if message.quiet is None:
        return None
    now = datetime.fromtimestamp(now_ms / 1_000, UTC)
    released = quiet_hours(*message.quiet).release(now)
    return None if released == now else round(released.timestamp() * 1_000)
