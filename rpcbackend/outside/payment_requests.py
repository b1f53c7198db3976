"""What becomes of a payment as its request does: it gets its link, fails, or is asked for again."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from rpcbackend.domain.payments import follow
from rpcbackend.notices.payments import tell_link
from rpcbackend.schema.outbox import MessageState
from rpcbackend.schema.payments import Payment, PaymentState
from rpcbackend.schema.steps import LinkFacts
from rpcbackend.steps import Step
from rpcbackend.store import Ended, Work

CHANNEL = "payment"


class Link(NamedTuple):
    """What the service made of a payment."""

    payment_id: str
    provider_ref: str
    url: str


def step_of(link: Link) -> Step[None]:
    """Return what keeps a link."""
    return Step(
        name="link",
        actor="sender",
        run=lambda work: keep_link(work, link),
        facts=lambda: LinkFacts(**link._asdict()),
    )


async def keep_link(work: Work, link: Link) -> None:
    """Let a payment have its link, and the student; what was told of it meanwhile stays.

    Who cancelled the request while it was on its way does not want it to be paid: the student is
    not told.
    """
    payment = await work.payments.get(link.payment_id)
    if payment is None or payment.url == link.url:
        return
    is_news = follow(payment.state, PaymentState.LINK_CREATED)
    changed = await _put(
        work,
        payment,
        state=PaymentState.LINK_CREATED if is_news else payment.state,
        url=link.url,
        provider_ref=link.provider_ref,
    )
    is_open = changed.state is PaymentState.LINK_CREATED
    is_due = is_open and not await work.payments.is_called_off(payment)
    told_by = await tell_link(work, changed) if is_due else None
    await _record(work, "payments.link_created", changed, state=changed.state, toldBy=told_by)


async def follow_request(work: Work, message: Ended, state: MessageState) -> None:
    """Let a payment follow the message that asks for its link.

    Args:
        work: The unit in which the message came to this state.
        message: Any one; of other channels nothing follows.
        state: What it is from now on.
    """
    if message.channel != CHANNEL or state not in _FOLLOWS:
        return
    payment = await work.payments.asked_by(message.id)
    before, after, happened = _FOLLOWS[state]
    if payment is None or payment.state is not before or payment.url is not None:
        return
    changed = await _put(work, payment, state=after)
    more = {} if after is PaymentState.REQUESTED else {"amount": changed.amount.model_dump()}
    await _record(work, happened, changed, messageId=message.id, **more)


_GIVEN_UP = PaymentState.REQUESTED, PaymentState.FAILED, "payments.failed"

_FOLLOWS: Mapping[MessageState, tuple[PaymentState, PaymentState, str]] = {
    MessageState.FAILED: _GIVEN_UP,
    MessageState.CANCELLED: _GIVEN_UP,
    MessageState.QUEUED: (PaymentState.FAILED, PaymentState.REQUESTED, "payments.requested"),
}


async def _put(work: Work, payment: Payment, **changes: Any) -> Payment:
    more = {"changed_at": work.now.replace(microsecond=0), "version": payment.version + 1}
    changed = payment.model_copy(update=changes | more)
    await work.payments.put(changed)
    return changed


async def _record(work: Work, happened: str, payment: Payment, **more: Any) -> None:
    told = {"paymentId": payment.id, "studentId": payment.student_id, **more}
    await work.record(happened, ("payment", payment.id, payment.version), told)
