"""Links by which somebody pays, from a service that speaks the contract of `gateway`."""

import re
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from rpcbackend.domain.payments import follow
from rpcbackend.outside.adapter import RefusedError, TryAgainError
from rpcbackend.outside.gateway import Gateway
from rpcbackend.schema.payments import PaymentState
from rpcbackend.store import Message, Work

_URL = re.compile(r"https://[\x21-\x7e]{1,1990}")


class Link(NamedTuple):
    """What the service made of a payment."""

    payment_id: str
    provider_ref: str
    url: str


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
        if said.id is None:
            # It has made one, which may be paid: to give up would say that there is none.
            raise TryAgainError("the service took it before, and does not tell its link")
        if said.url is None or not _URL.fullmatch(said.url):
            raise RefusedError("the service told no link that can be used")
        await self._keep(Link(str(message.payload["reference"]), said.id, said.url))
        return said.id

    async def close(self) -> None:
        """Hold nothing: connections are the web's."""


async def keep_link(work: Work, link: Link) -> None:
    """Let a payment have its link; what was told of it meanwhile stays."""
    payment = await work.payments.get(link.payment_id)
    if payment is None or payment.url == link.url:
        return
    is_news = follow(payment.state, PaymentState.LINK_CREATED)
    changed = payment.model_copy(
        update={
            "state": PaymentState.LINK_CREATED if is_news else payment.state,
            "url": link.url,
            "provider_ref": link.provider_ref,
            "changed_at": work.now.replace(microsecond=0),
            "version": payment.version + 1,
        }
    )
    await work.payments.put(changed)
    await work.record(
        "payments.link_created",
        ("payment", payment.id, changed.version),
        {"paymentId": payment.id, "studentId": payment.student_id, "state": changed.state},
    )
