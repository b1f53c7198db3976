"""What services tell by webhooks: no service signs in, each signs what it sends."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from rpcbackend.errors import InvalidRequestError
from rpcbackend.mirror.accepted import wants_problem
from rpcbackend.mirror.answers import answer_of
from rpcbackend.mirror.asked import source_of
from rpcbackend.mirror.callers import Callers
from rpcbackend.mirror.wire import Wire
from rpcbackend.protocol.codec import Json

SIGNED = ("webhook-id", "webhook-timestamp", "webhook-signature")
"""What the channel is told of the head: no proof of anything else is its business."""


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Hands on what services send; the channel looks who signed it."""

    wire: Wire
    callers: Callers

    async def receive(self, request: Request) -> Response:
        """Take one message, byte for byte."""
        source = source_of(request)
        self.callers.take_stranger(source)
        try:
            body = (await request.body()).decode()
        except UnicodeDecodeError:
            raise InvalidRequestError("A body is application/json, in UTF-8.") from None
        # Twice the same field is one that nobody signed.
        headers: dict[str, Json] = {
            name: ", ".join(given) for name in SIGNED if (given := request.headers.getlist(name))
        }
        params: dict[str, Json] = {
            "provider": request.path_params["provider"],
            "headers": headers,
            "rawBody": body,
        }
        line = await self.wire.call("webhooks.receive", params, source)
        return answer_of(line, wants_problem=wants_problem(request.headers.getlist("accept")))
