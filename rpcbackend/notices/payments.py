"""What a student is told of a payment: the link by which he pays, once it is there."""

from rpcbackend.domain import values
from rpcbackend.domain.segments import fits
from rpcbackend.notices import keys
from rpcbackend.notices.composing import compose, message_of
from rpcbackend.notices.queueing import send, withdraw
from rpcbackend.notices.recipient import Recipient, recipient_of
from rpcbackend.schema.consents import MessageChannel, Purpose
from rpcbackend.schema.payments import Payment
from rpcbackend.schema.templates import Content, TemplateKind
from rpcbackend.store import Work

_KIND = TemplateKind.PAYMENT_LINK


async def tell_link(work: Work, payment: Payment) -> MessageChannel | None:
    """Send the student his link, in the place of any that still waits.

    Returns:
        By which way; None if he may not be told so, or is not reached: then somebody gives it to
        him.
    """
    await withdraw_link(work, payment)
    recipient = await recipient_of(work, await work.students.require(payment.student_id))
    found = None if recipient.is_gone else await link_by(work, recipient, payment)
    if found is None:
        return None
    channel, content = found
    key = f"{keys.of_payment(payment)}{payment.version}/{_KIND}"
    at = recipient.quiet.release(work.now)
    await send(work, message_of(recipient, _KIND, channel, content, key=key, at=at))
    return channel


async def link_by(
    work: Work, recipient: Recipient, payment: Payment
) -> tuple[MessageChannel, Content] | None:
    """Return the way by which he may be told of his link, with the words; None if there is none."""
    said = await work.consents.said(payment.student_id, Purpose.PAYMENTS)
    more = values.of_payment(payment, recipient.language)
    for channel in recipient.ways(Purpose.PAYMENTS, said):
        content = await compose(work, recipient, _KIND, channel, more)
        # A link that is cut leads nowhere.
        if channel is MessageChannel.MAIL or fits(content.text):
            return channel, content
    return None


async def withdraw_link(work: Work, payment: Payment) -> None:
    """Send the student a link no more: he has paid, or there is another one."""
    await withdraw(work, keys.of_payment(payment))
