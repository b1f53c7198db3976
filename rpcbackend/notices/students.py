"""What becomes of what waits for a student when he is reached otherwise, refuses it, or leaves."""

from rpcbackend.notices import keys
from rpcbackend.schema.consents import Consent, MessageChannel
from rpcbackend.schema.students import Student, StudentState
from rpcbackend.store import Work


async def follow_change(work: Work, old: Student, student: Student) -> None:
    """Send what waits to the student's new address, or not at all."""
    about = keys.of_student(student.id)
    if student.state is StudentState.ARCHIVED:
        await work.waiting.withdraw(about)
    for channel, before, after in (
        (MessageChannel.MAIL, old.email, student.email),
        (MessageChannel.SMS, old.phone, student.phone),
    ):
        if after is None and before is not None:
            await work.waiting.withdraw(about, channel)
        elif after is not None and after != before:
            await work.waiting.send_to(after, about, channel)


async def follow_consent(work: Work, consent: Consent) -> None:
    """Send no more of what a student refuses."""
    if not consent.is_granted:
        about = keys.of_student(consent.student_id, consent.purpose)
        await work.waiting.withdraw(about, consent.channel)
