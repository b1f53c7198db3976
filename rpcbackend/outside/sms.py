"""Text messages, by a service that speaks the contract of `gateway`."""

from rpcbackend.domain.segments import MOST_PARTS, count_segments
from rpcbackend.outside.adapter import RefusedError
from rpcbackend.outside.gateway import Gateway
from rpcbackend.store import Message


class TextMessages:
    """Hands text messages to one service."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def send(self, id: str, message: Message) -> str | None:  # noqa: A002 (its name)
        """Hand a text message over and return the service's name for it; see `Adapter.send`."""
        text = str(message.payload["text"])
        segments = count_segments(text).parts
        if not text or segments > MOST_PARTS:
            raise RefusedError(f"a text message has 1 to {MOST_PARTS} parts")
        told = {
            "to": message.recipient,
            "from": self._gateway.provider.sender,
            "text": text,
            "segments": segments,
        }
        return (await self._gateway.post("messages", id, told)).id

    async def close(self) -> None:
        """Hold nothing: connections are the web's."""
