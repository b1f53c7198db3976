"""What the students of the demo school agreed to when they enrolled."""

from collections.abc import Iterator
from datetime import timedelta

from rpcbackend.demo import figures
from rpcbackend.demo.chance import Stamps
from rpcbackend.demo.events import ACTOR
from rpcbackend.demo.learners import Learner
from rpcbackend.schema.consents import Consent, ConsentSource, MessageChannel, Purpose

_TEXT_VERSION = "2026-01"


def make_consents(learners: list[Learner], stamps: Stamps) -> list[Consent]:
    """Make what was said, in the order in which the students came; most said nothing."""
    return [
        consent
        for number, learner in enumerate(learners)
        for consent in _of_one(number, learner, stamps)
    ]


def _of_one(number: int, learner: Learner, stamps: Stamps) -> Iterator[Consent]:
    for every, purpose, channel, is_granted in (
        (figures.EVERY_NTH_BY_SMS, Purpose.LESSONS, MessageChannel.SMS, True),
        (figures.EVERY_NTH_REFUSES, Purpose.LESSONS, MessageChannel.MAIL, False),
        (figures.EVERY_NTH_WANTS_NEWS, Purpose.MARKETING, MessageChannel.MAIL, True),
    ):
        if number % every == every - 1:
            at = learner.student.created_at + timedelta(minutes=1)
            yield Consent(
                id=stamps.new("con", at),
                student_id=learner.student.id,
                purpose=purpose,
                channel=channel,
                is_granted=is_granted,
                source=ConsentSource.PAPER,
                text_version=_TEXT_VERSION,
                recorded_at=at,
                actor=ACTOR,
                version=1,
            )
