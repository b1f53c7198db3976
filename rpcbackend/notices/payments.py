"""What a student is told of a payment: the link by which he pays, once it is there."""

from rpcbackend.domain import values
from rpcbackend.domain.segments import fits
from rpcbackend.notices import keys
from rpcbackend.notices.composing import compose, message_of, send
from rpcbackend.notices.recipient import recipient_of
from rpcbackend.schema.consents import MessageChannel, Purpose
from rpcbackend.schema.payments import Payment
from rpcbackend.schema.templates import TemplateKind
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
    if recipient.is_gone:
        return None
    said = await work.consents.said(payment.student_id, Purpose.PAYMENTS)
    more = values.of_payment(payment, recipient.language)
    for channel in recipient.ways(Purpose.PAYMENTS, said):
        content = await compose(work, recipient, _KIND, channel, more)
        # A link that is cut leads nowhere.
        if channel is MessageChannel.SMS and not fits(content.text):
            continue
        key = f"{keys.of_payment(payment)}{payment.version}/{_KIND}"
        at = recipient.quiet.release(work.now)
        await send(work, message_of(recipient, _KIND, channel, content, key=key, at=at))
        return channel
    return None


async def withdraw_link(work: Work, payment: Payment) -> None:
    """Send the student a link no more: he has paid, or there is another one."""
    await work.waiting.withdraw(keys.of_payment(payment))
