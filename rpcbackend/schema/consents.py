"""Consents: what a student agreed to be written to about, by which way, and what he refused."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from rpcbackend.schema.base import Flag, Instant, Params, StudentId, Version, WireModel, id_pattern

ConsentId = Annotated[str, id_pattern("con")]


class Purpose(StrEnum):
    """What a message is about."""

    LESSONS = "lessons"
    PAYMENTS = "payments"
    MARKETING = "marketing"


class MessageChannel(StrEnum):
    """The way by which people are reached."""

    MAIL = "mail"
    SMS = "sms"


class ConsentSource(StrEnum):
    """Where it was said."""

    DESK = "desk"
    PAPER = "paper"
    PHONE = "phone"
    APP = "app"
    IMPORT = "import"


TextVersion = Annotated[
    str,
    StringConstraints(max_length=100, pattern=r"^[A-Za-z0-9._-]+$"),
    Field(description="Which wording he was shown, such as 2026-11."),
]


class Consent(WireModel):
    """One thing that was said; nothing of it is ever changed."""

    id: ConsentId
    student_id: StudentId
    purpose: Purpose
    channel: MessageChannel
    is_granted: Flag
    source: ConsentSource
    text_version: TextVersion
    recorded_at: Instant
    actor: Annotated[str, Field(description="Who recorded it.")]
    version: Version


class Standing(WireModel):
    """What holds now for one purpose and channel."""

    purpose: Purpose
    channel: MessageChannel
    is_granted: Flag
    is_recorded: Annotated[
        Flag, Field(description="False: nothing was ever said, so the usual holds.")
    ]


class Consents(WireModel):
    """What holds now, and all that was ever said."""

    student_id: StudentId
    present: Annotated[list[Standing], Field(description="One for each purpose and channel.")]
    history: Annotated[list[Consent], Field(description="The newest first.")]


class SetConsent(Params):
    """Params of consents.set."""

    student_id: StudentId
    purpose: Purpose
    channel: MessageChannel
    is_granted: Flag
    source: ConsentSource
    text_version: TextVersion


class GetConsents(Params):
    """Params of consents.get."""

    student_id: StudentId
