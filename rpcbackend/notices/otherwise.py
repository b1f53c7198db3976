"""What waits and may not go its way any more: by another one, if there is one, or not at all."""

from rpcbackend.notices import keys
from rpcbackend.notices.composing import message_of
from rpcbackend.notices.lessons import told_by
from rpcbackend.notices.payments import link_by
from rpcbackend.notices.queueing import send_otherwise, withdraw
from rpcbackend.notices.recipient import Recipient, recipient_of
from rpcbackend.notices.reminders import remind_later
from rpcbackend.schema.consents import MessageChannel, Purpose
from rpcbackend.schema.students import Student
from rpcbackend.schema.templates import Content, TemplateKind
from rpcbackend.store import Message, Work
from rpcbackend.store.waiting import Untried


async def close_way(
    work: Work, student: Student, channel: MessageChannel, purpose: Purpose | None = None
) -> None:
    """Send nothing more to a student this way.

    What the program says by itself, and surely nobody has tried to send, goes by the other way if
    he agreed to that; if not, he may still be reminded should he have a way before his lesson.
    Somebody who sent by a call chose the way himself: that goes not at all.

    Args:
        work: The unit of work, in which the student's address or consent is another one already.
        student: As he is now.
        channel: The way.
        purpose: Only what is about this.
    """
    about = keys.of_student(student.id, purpose)
    waiting = await work.waiting.untried(about, channel)
    unsaid = list[str]()
    if waiting:
        whole = work.whole()
        recipient = await recipient_of(whole, student)
        for each in waiting:
            message = None if recipient.is_gone else await _otherwise(whole, recipient, each)
            if message is not None:
                await send_otherwise(work, each.id, message)
            elif each.template == TemplateKind.LESSON_REMINDER:
                unsaid.append(each.key)
    await withdraw(work, about, channel)
    for key in unsaid:
        await remind_later(work, key)


async def _otherwise(work: Work, recipient: Recipient, waiting: Untried) -> Message | None:
    """Return what is sent in the place of a message; its time stays what it is."""
    of = _of_payment if waiting.template == TemplateKind.PAYMENT_LINK else _of_lesson
    found = await of(work, recipient, waiting)
    if found is None:
        return None
    channel, content = found
    kind = TemplateKind(waiting.template)
    return message_of(recipient, kind, channel, content, key=waiting.key, at=work.now)


_Found = tuple[MessageChannel, Content] | None


async def _of_lesson(work: Work, recipient: Recipient, waiting: Untried) -> _Found:
    told = await told_by(work, waiting.key)
    said = await work.consents.said(recipient.student.id, Purpose.LESSONS)
    channel = recipient.way(Purpose.LESSONS, said)
    if told is None or channel is None:
        return None
    return channel, await told.content(work, recipient, channel)


async def _of_payment(work: Work, recipient: Recipient, waiting: Untried) -> _Found:
    payment_id = keys.read_payment(waiting.key)
    payment = await work.payments.get(payment_id) if payment_id else None
    return await link_by(work, recipient, payment) if payment else None
