"""Webhooks: events told to programs of others, signed (Standard Webhooks 1.0)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import orjson

from rpcbackend.clock import Clock
from rpcbackend.outside.adapter import LeftAloneError, RefusedError, TryAgainError
from rpcbackend.outside.retry_after import read_retry_after
from rpcbackend.outside.signing import sign
from rpcbackend.outside.web import Answer, Web
from rpcbackend.store import BoxDamagedError, Message, Work

GONE = 410
"""What a receiver answers that will never want anything again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a webhook goes, and what proves whom it comes from."""

    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    """The present one, and for a day after a change the one before."""


class Webhooks:
    """Posts events to their receivers.

    Args:
        web: Goes through to them; their addresses are nobody's whom the school trusts.
        find: Returns where a webhook goes now, or None if it is switched off or gone.
        clock: Dates the signatures.
    """

    def __init__(
        self, web: Web, find: Callable[[str], Awaitable[Endpoint | None]], *, clock: Clock
    ) -> None:
        self._web, self._find, self._clock = web, find, clock

    async def send(self, id: str, message: Message) -> str | None:  # noqa: A002 (its name)
        """Post an event; any 2xx is a yes, and the receiver has no name for it."""
        endpoint = await self._find(message.recipient)
        if endpoint is None:
            raise RefusedError("the webhook is switched off")
        content = orjson.dumps(message.payload)
        seconds = self._clock.now_ms() // 1_000
        signed = sign(id, content, at_seconds=seconds, secrets=endpoint.secrets)
        answer = await self._post(endpoint.url, signed, content)
        if answer.status == GONE:
            raise RefusedError(f"the receiver wants nothing any more ({GONE})")
        # What else it says may be a fault that somebody mends: programs of others are often half
        # set up, and the outbox tries for days.
        if not 200 <= answer.status < 300:  # noqa: PLR2004 (success)
            wait = read_retry_after(answer.headers, self._clock.now_ms())
            reason = f"the receiver does not take it ({answer.status})"
            raise TryAgainError(reason, retry_after_seconds=wait)
        return None

    async def _post(self, url: str, signed: dict[str, str], content: bytes) -> Answer:
        headers = signed | {"content-type": "application/json"}
        try:
            return await self._web.post(url, headers=headers, content=content)
        except LeftAloneError:
            # It waits with all others that go there.
            raise
        except TryAgainError as error:
            if not error.is_unreached:
                raise
            # Each webhook is a host of its own: that one is away must hold up no other, so it
            # counts for the message.
            wait = error.retry_after_seconds
            raise TryAgainError(error.reason, retry_after_seconds=wait) from error

    async def close(self) -> None:
        """Hold nothing: connections are the web's."""


async def find_endpoint(work: Work, webhook_id: str) -> Endpoint | None:
    """Return where a webhook goes now, or None if it is switched off or gone.

    Raises:
        RefusedError: Its secret cannot be opened any more: another one has to be made.
    """
    webhook = await work.webhooks.get(webhook_id)
    if webhook is None or not webhook.is_active:
        return None
    try:
        return Endpoint(url=webhook.url, secrets=await work.webhooks.secrets(webhook))
    except BoxDamagedError as error:
        raise RefusedError("the webhook's secret cannot be opened") from error
