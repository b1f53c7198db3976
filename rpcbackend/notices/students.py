"""What becomes of what waits for a student when he is reached otherwise, refuses it, or leaves."""

from rpcbackend.notices import keys
from rpcbackend.notices.otherwise import close_way
from rpcbackend.notices.queueing import withdraw
from rpcbackend.notices.recipient import hours_of
from rpcbackend.schema.consents import Consent, MessageChannel
from rpcbackend.schema.students import Student, StudentState
from rpcbackend.store import Work


async def follow_change(work: Work, old: Student, student: Student) -> None:
    """Send what waits to the student's new address, at his new branch's hours, or not at all."""
    about = keys.of_student(student.id)
    if student.state is StudentState.ARCHIVED:
        await withdraw(work, about)
    if student.branch_id != old.branch_id:
        await _follow_branch(work, student)
    for channel, before, after in (
        (MessageChannel.MAIL, old.email, student.email),
        (MessageChannel.SMS, old.phone, student.phone),
    ):
        if after is None and before is not None:
            await close_way(work, student, channel)
        elif after is not None and after != before:
            await work.waiting.send_to(after, about, channel)


async def follow_consent(work: Work, student: Student, consent: Consent) -> None:
    """Send no more of what a student refuses, or by the way that he left."""
    if not consent.is_granted:
        await close_way(work, student, consent.channel, consent.purpose)


async def _follow_branch(work: Work, student: Student) -> None:
    branch = await work.whole().branches.require(student.branch_id)
    await work.waiting.leave_alone(hours_of(branch), keys.of_student(student.id))
    await work.reminders.forget_student(student.id, work.now)
