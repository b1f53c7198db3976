"""Composing what is sent: the words of the school or of the program, filled in for one person."""

from collections.abc import Mapping
from datetime import datetime

from rpcbackend.domain import values
from rpcbackend.domain.segments import fit
from rpcbackend.domain.templates import BUILT_IN, Wording
from rpcbackend.notices.recipient import Recipient, hours_of
from rpcbackend.schema.consents import MessageChannel
from rpcbackend.schema.templates import Content, TemplateKind
from rpcbackend.store import Message, Work


async def compose(
    work: Work,
    recipient: Recipient,
    kind: TemplateKind,
    channel: MessageChannel,
    more: Mapping[str, str],
) -> Content:
    """Return what he will read.

    Args:
        work: The unit of work.
        recipient: Who reads it.
        kind: On which occasion.
        channel: By which way.
        more: What stands in the places beside himself and his school.
    """
    language = recipient.language
    own = await work.templates.words(kind, channel, language)
    wording = Wording(*own) if own else BUILT_IN[kind, channel, language]
    of_person = values.of_person(recipient.student, recipient.branch)
    return wording.fill({**of_person, **more}, channel)


def message_of(
    recipient: Recipient,
    kind: TemplateKind,
    channel: MessageChannel,
    content: Content,
    *,
    key: str,
    at: datetime,
    not_after: datetime | None = None,
) -> Message:
    """Return what the outbox takes.

    Args:
        recipient: Who reads it; he has an address there.
        kind: On which occasion.
        channel: By which way.
        content: What he reads; an SMS of too many parts is cut.
        key: Names the send; see `keys`.
        at: When to send it, not in his quiet hours.
        not_after: From then on it is of no use to him.
    """
    payload = {"text": fit(content.text)}
    if channel is MessageChannel.MAIL:
        payload = {"text": content.text, "subject": content.subject or ""}
        payload |= {"language": recipient.language}
    return Message(
        channel=channel,
        recipient=recipient.address(channel) or "",
        template=kind,
        payload=payload,
        dedupe_key=key,
        not_before_ms=_milliseconds(at),
        not_after_ms=_milliseconds(not_after) if not_after else None,
        owner_id=recipient.student.id,
        quiet=hours_of(recipient.branch),
    )


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1_000)
