"""Links by which somebody pays, from a service that speaks the contract of `gateway`."""

import re
from collections.abc import Awaitable, Callable

from rpcbackend.outside.adapter import RefusedError, TryAgainError
from rpcbackend.outside.gateway import Gateway
from rpcbackend.outside.payment_requests import Link
from rpcbackend.store import Message

_URL = re.compile(r"https://[\x21-\x7e]{1,1990}")


class PaymentLinks:
    """Asks one service for links.

    Args:
        gateway: Speaks to it.
        keep: Remembers a link, durably; the same one twice is as good as once.
    """

    def __init__(self, gateway: Gateway, keep: Callable[[Link], Awaitable[None]]) -> None:
        self._gateway, self._keep = gateway, keep

    async def send(self, id: str, message: Message) -> str | None:  # noqa: A002 (its name)
        """Ask for a link, keep it, and return the service's name for it; see `Adapter.send`."""
        said = await self._gateway.post("payments", id, message.payload)
        if said.id is None or (said.is_seen and said.url is None):
            # It has made one, which may be paid: to give up would say that there is none.
            raise TryAgainError("the service took it before, and does not tell its link")
        if said.url is None or not _URL.fullmatch(said.url):
            raise RefusedError("the service told no link that can be used")
        await self._keep(Link(str(message.payload["reference"]), said.id, said.url))
        return said.id

    async def close(self) -> None:
        """Hold nothing: connections are the web's."""
