"""The body of a request: JSON, of a bounded length, within a bounded time."""

import asyncio
from collections.abc import Callable

from starlette.types import Message, Receive

from rpcbackend.api_settings import ApiSettings
from rpcbackend.errors import DeadlineExceededError, RequestTooLargeError
from rpcbackend.mirror.answers import Refused
from rpcbackend.rpc_error import RpcError

TOO_LARGE = "The body is over the limit; send less at once."


_CHARSETS = ("", "charset=utf-8", 'charset="utf-8"')


def is_json(content_types: list[str]) -> bool:
    """Tell whether the header, given once, says JSON in UTF-8."""
    if len(content_types) != 1:
        return False
    kind, _, charset = content_types[0].lower().partition(";")
    return kind.strip() == "application/json" and charset.strip() in _CHARSETS


class BoundedBody:
    """Receives a body that is neither too long nor too slow."""

    def __init__(
        self,
        receive: Receive,
        settings: ApiSettings,
        no: Callable[[RpcError, int | None], Refused],
    ) -> None:
        self._receive, self._no = receive, no
        self._left = settings.body_bytes
        self._seconds: float | None = settings.body_seconds
        self._ends_at: float | None = None

    async def __call__(self) -> Message:
        """Receive the next part.

        Raises:
            Refused: It is too long, or too slow.
        """
        loop = asyncio.get_running_loop()
        if self._ends_at is None and self._seconds is not None:
            self._ends_at = loop.time() + self._seconds
        try:
            async with asyncio.timeout_at(self._ends_at):
                message = await self._receive()
        except TimeoutError:
            error = DeadlineExceededError("The body took too long to come; nothing was run.")
            raise self._no(error, 408) from None
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            too_large = RequestTooLargeError(TOO_LARGE)
            raise self._no(too_large, None)
        if not message.get("more_body", False):
            # From here on it is only the end of the connection that is waited for.
            self._ends_at = self._seconds = None
        return message
