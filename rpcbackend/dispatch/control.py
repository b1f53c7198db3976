"""Messages about the connection itself: what cancels a call, and what ends the process."""

from rpcbackend.protocol.codec import Json
from rpcbackend.protocol.envelope import is_request

CANCEL = "$/cancelRequest"
SHUTDOWN = "shutdown"


def is_cancellation(message: Json) -> bool:
    """Tell whether *message* is the notification that cancels; any other form of it is a call."""
    return (
        isinstance(message, dict)
        and message.get("method") == CANCEL
        and "id" not in message
        and is_request(message)
        and isinstance(message.get("params"), dict)
    )


def is_shutdown(message: Json) -> bool:
    """Tell whether *message* asks the process to end."""
    return isinstance(message, dict) and message.get("method") == SHUTDOWN
