"""Whether a student may be written to about something, and by which way (docs/adr/0040)."""

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

from rpcbackend.schema.consents import Consent, MessageChannel, Purpose, SetConsent, Standing

UNSAID = frozenset(
    {(Purpose.LESSONS, MessageChannel.MAIL), (Purpose.PAYMENTS, MessageChannel.MAIL)}
)
"""What is allowed where nothing was said: mail about what somebody has ordered from the school."""

Said = Mapping[MessageChannel, bool]
"""What was said last about one purpose, by channel; what is missing was never said."""


def is_agreed(purpose: Purpose, channel: MessageChannel, said: Said) -> bool:
    """Tell whether messages about *purpose* may go this way."""
    return said.get(channel, (purpose, channel) in UNSAID)


def last_of(
    history: Iterable[Consent], purpose: Purpose, channel: MessageChannel
) -> Consent | None:
    """Return what was said last about this, or None."""
    about = [one for one in history if (one.purpose, one.channel) == (purpose, channel)]
    return max(about, key=lambda one: one.version, default=None)


def says_the_same(last: Consent, new: SetConsent) -> bool:
    """Tell whether somebody says again what he said last."""
    return all(getattr(last, name) == value for name, value in new.__dict__.items())


def present(history: Iterable[Consent]) -> list[Standing]:
    """Return what holds now for each purpose and channel."""
    history = list(history)
    return [
        Standing(
            purpose=purpose,
            channel=channel,
            is_granted=last.is_granted if last else (purpose, channel) in UNSAID,
            is_recorded=last is not None,
        )
        for purpose, channel in product(Purpose, MessageChannel)
        for last in (last_of(history, purpose, channel),)
    ]


def told_of(consent: Consent) -> dict[str, Any]:
    """Return what events tell of a consent."""
    told = {"student_id", "purpose", "channel", "is_granted"}
    return consent.model_dump(mode="json", include=told)
