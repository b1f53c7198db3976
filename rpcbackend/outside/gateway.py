"""The one contract of the services that take text messages and payments: JSON over HTTP.

What a service has to do is the table in docs/outside.md; a real provider is behind a few lines that
speak it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from rpcbackend.clock import Clock
from rpcbackend.outside.adapter import RefusedError, TryAgainError, Undelivered
from rpcbackend.outside.providers import WebProvider, fits_header
from rpcbackend.outside.retry_after import read_retry_after
from rpcbackend.outside.web import Answer, Web

SEEN = 409
"""What a service answers that knows the message already."""

_OF_SETTINGS = {
    401: "the service does not know the secret",
    403: "the service lets the school do nothing",
    404: "the service is not at this address",
    405: "the service is not at this address",
}
"""What no other message would be answered otherwise: none is given up for it."""

_LATER = {408, 425, 429}

MOST_CHARACTERS = 200
"""Of what a service calls a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a service says of what it took."""

    id: str | None
    """What it calls it; None if it only says that it had taken it before."""
    url: str | None = field(default=None, repr=False)
    """Of a payment: where it is paid, whatever that is."""
    is_seen: bool = False
    """Whether it had taken it before."""


class Gateway:
    """Speaks to one service.

    Args:
        provider: The service.
        web: Goes through to it.
        clock: Tells how long a wait until some instant is.
    """

    def __init__(self, provider: WebProvider, web: Web, *, clock: Clock) -> None:
        self.provider = provider
        self._web, self._clock = web, clock

    async def post(self, path: str, id: str, content: Mapping[str, Any]) -> Said:  # noqa: A002 (its name)
        """Hand something over and return what the service says of it.

        Args:
            path: Below the service's address.
            id: The message's, by which the service knows a second delivery.
            content: Becomes JSON.

        Raises:
            TryAgainError: It was not delivered now, or nobody knows.
            RefusedError: It never will be.
        """
        if not fits_header(self.provider.secret):
            # No message is to blame for that.
            raise TryAgainError(
                "the key of the service is missing; save it again", is_unreached=True
            )
        answer = await self._web.post(
            f"{self.provider.url.rstrip('/')}/{path}",
            headers={
                "Authorization": f"Bearer {self.provider.secret}",
                "Content-Type": "application/json",
                "Idempotency-Key": id,
            },
            content=orjson.dumps(content),
            is_trusted=True,
        )
        if answer.status == SEEN or 200 <= answer.status < 300:  # noqa: PLR2004 (success)
            return _read(answer)
        raise self._trouble(answer)

    def _trouble(self, answer: Answer) -> Undelivered:
        status = answer.status
        if status in _OF_SETTINGS or status < 400:  # noqa: PLR2004 (a redirect is not followed)
            reason = _OF_SETTINGS.get(status, "the service is somewhere else")
            return TryAgainError(f"{reason} ({status})", is_unreached=True)
        if status in _LATER or status >= 500:  # noqa: PLR2004 (a fault of the service)
            wait = read_retry_after(answer.headers, self._clock.now_ms())
            reason = f"the service does not take it now ({status})"
            return TryAgainError(reason, retry_after_seconds=wait)
        return RefusedError(f"the service refuses it ({status})")


def _read(answer: Answer) -> Said:
    """Read what the service says; one that has seen the message before need not say anything."""
    try:
        said = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        said = None
    is_seen = answer.status == SEEN
    name = said.get("id") if isinstance(said, dict) else None
    if isinstance(said, dict) and isinstance(name, str) and 0 < len(name) <= MOST_CHARACTERS:
        url = said.get("url")
        return Said(id=name, url=None if url is None else str(url), is_seen=is_seen)
    if is_seen:
        return Said(id=None, is_seen=True)
    # It may have arrived: by the same key the service tells next time.
    raise TryAgainError("the service did not say what became of it")
