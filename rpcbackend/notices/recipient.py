"""Who is written to: how, in which language, and when not."""

from dataclasses import dataclass

from rpcbackend.domain.consents import Said, is_agreed
from rpcbackend.domain.quiet import QuietHours, quiet_hours
from rpcbackend.schema.base import Language
from rpcbackend.schema.branches import Branch
from rpcbackend.schema.consents import MessageChannel, Purpose
from rpcbackend.schema.students import Student, StudentState
from rpcbackend.store import Work


@dataclass(frozen=True, slots=True)
class Recipient:
    """A student, and the branch that he belongs to: its habits are his where he has no own."""

    student: Student
    branch: Branch

    @property
    def language(self) -> Language:
        """In which he is written to."""
        return self.student.language or self.branch.language

    @property
    def quiet(self) -> QuietHours:
        """When he is left alone."""
        return quiet_hours(*hours_of(self.branch))

    @property
    def is_gone(self) -> bool:
        """Whether nothing at all is said to him any more."""
        return self.student.state is StudentState.ARCHIVED

    def address(self, channel: MessageChannel) -> str | None:
        """Return where he is reached that way, if he is."""
        return self.student.email if channel is MessageChannel.MAIL else self.student.phone

    def ways(self, purpose: Purpose, said: Said) -> list[MessageChannel]:
        """Return by which ways he may be told, the best first: by SMS if he wants that."""
        return [
            channel
            for channel in (MessageChannel.SMS, MessageChannel.MAIL)
            if self.address(channel) and is_agreed(purpose, channel, said)
        ]

    def way(self, purpose: Purpose, said: Said) -> MessageChannel | None:
        """Return by which way he is told, or None."""
        return next(iter(self.ways(purpose, said)), None)


def hours_of(branch: Branch) -> tuple[str, str, str]:
    """Return the quiet hours of a branch as the outbox keeps them: zone, from and until."""
    return branch.zone, branch.quiet_from, branch.quiet_until


async def recipient_of(work: Work, student: Student, near: Branch | None = None) -> Recipient:
    """Look up the student's branch.

    Args:
        work: The unit of work.
        student: Who is written to.
        near: A branch that was looked up already; mostly it is his.
    """
    if near is not None and near.id == student.branch_id:
        return Recipient(student, near)
    return Recipient(student, await work.branches.require(student.branch_id))
