"""What may stand in which template, and the words that come with the program."""

from collections.abc import Mapping
from dataclasses import dataclass

from rpcbackend.domain.wording import fill_line, fill_text, unknown_in
from rpcbackend.errors import TemplateError
from rpcbackend.schema.base import Language
from rpcbackend.schema.consents import MessageChannel, Purpose
from rpcbackend.schema.templates import MAX_SUBJECT, Content, TemplateKind

MOST = 20_000
"""Characters of a filled text; how many an SMS may have depends on which they are (`segments`)."""

_ALWAYS = ("givenName", "familyName", "school")
_OF_LESSON = ("date", "shortDate", "time", "endTime", "instructor", "meetingPoint")

GIVEN: dict[TemplateKind, tuple[str, ...]] = {
    TemplateKind.PAYMENT_LINK: ("amount", "description", "link"),
    TemplateKind.MESSAGE: ("subject", "text"),
}
"""Places that only whoever sends can fill."""

_MORE = {
    TemplateKind.LESSON_REMINDER: _OF_LESSON,
    TemplateKind.LESSON_MOVED: (*_OF_LESSON, "oldDate", "oldTime"),
    TemplateKind.LESSON_CHANGED: _OF_LESSON,
    TemplateKind.LESSON_CANCELLED: _OF_LESSON,
} | GIVEN

PLACES: Mapping[TemplateKind, tuple[str, ...]] = {
    kind: (*_ALWAYS, *_MORE[kind]) for kind in TemplateKind
}
"""What may stand in braces."""

PURPOSES = {
    TemplateKind.LESSON_REMINDER: Purpose.LESSONS,
    TemplateKind.LESSON_MOVED: Purpose.LESSONS,
    TemplateKind.LESSON_CHANGED: Purpose.LESSONS,
    TemplateKind.LESSON_CANCELLED: Purpose.LESSONS,
    TemplateKind.PAYMENT_LINK: Purpose.PAYMENTS,
}
"""What each is about; a message says so itself."""


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of one template; mail alone has a subject."""

    subject: str | None
    text: str

    def fill(self, values: Mapping[str, str], channel: MessageChannel) -> Content:
        """Put the values in their places; whatever they are, a subject stays one line."""
        subject = None
        if channel is MessageChannel.MAIL:
            subject = fill_line(self.subject or "", values, MAX_SUBJECT)
        return Content(subject=subject, text=fill_text(self.text, values, MOST))


def check(kind: TemplateKind, wording: Wording) -> None:
    """Check that a template asks for nothing that there is not.

    Raises:
        TemplateError: It does; details name what.
    """
    known = PLACES[kind]
    unknown = {
        name: found
        for name, text in (("subject", wording.subject), ("text", wording.text))
        if (found := unknown_in(text or "", known))
    }
    if unknown:
        raise TemplateError(
            "The template has places that there are not here.",
            details={"unknown": unknown, "places": list(known)},
        )


Use = tuple[TemplateKind, MessageChannel, Language]

_MAIL, _SMS = MessageChannel.MAIL, MessageChannel.SMS
_DE, _EN = Language.DE, Language.EN

BUILT_IN: Mapping[Use, Wording] = {
    (TemplateKind.LESSON_REMINDER, _MAIL, _DE): Wording(
        "Deine Fahrstunde am {shortDate} um {time} Uhr",
        "Hallo {givenName},\n\n"
        "am {date} um {time} Uhr hast du eine Fahrstunde mit {instructor}.\n"
        "Treffpunkt: {meetingPoint}\n\n"
        "Wenn du nicht kommen kannst, sag bitte so früh wie möglich Bescheid.\n\n{school}",
    ),
    (TemplateKind.LESSON_REMINDER, _MAIL, _EN): Wording(
        "Your driving lesson on {shortDate} at {time}",
        "Hello {givenName},\n\n"
        "you have a driving lesson with {instructor} on {date} at {time}.\n"
        "Where: {meetingPoint}\n\n"
        "If you cannot come, please tell us as early as you can.\n\n{school}",
    ),
    (TemplateKind.LESSON_REMINDER, _SMS, _DE): Wording(
        None,
        "Fahrstunde {shortDate} {time} Uhr mit {instructor}, Treffpunkt: {meetingPoint}. {school}",
    ),
    (TemplateKind.LESSON_REMINDER, _SMS, _EN): Wording(
        None, "Driving lesson {shortDate} {time} with {instructor}: {meetingPoint}. {school}"
    ),
    (TemplateKind.LESSON_MOVED, _MAIL, _DE): Wording(
        "Deine Fahrstunde ist jetzt am {shortDate} um {time} Uhr",
        "Hallo {givenName},\n\n"
        "deine Fahrstunde vom {oldDate}, {oldTime} Uhr, wurde geändert. Sie ist jetzt am {date} "
        "von {time} bis {endTime} Uhr mit {instructor}.\n"
        "Treffpunkt: {meetingPoint}\n\n"
        "Wenn das nicht passt, melde dich bitte bei uns.\n\n{school}",
    ),
    (TemplateKind.LESSON_MOVED, _MAIL, _EN): Wording(
        "Your driving lesson is now on {shortDate} at {time}",
        "Hello {givenName},\n\n"
        "your driving lesson of {oldDate}, {oldTime}, was changed. It is now on {date} "
        "from {time} to {endTime} with {instructor}.\n"
        "Where: {meetingPoint}\n\n"
        "If this does not suit you, please get in touch.\n\n{school}",
    ),
    (TemplateKind.LESSON_MOVED, _SMS, _DE): Wording(
        None,
        "Geändert: deine Fahrstunde ist jetzt {shortDate} {time} Uhr mit {instructor}, "
        "Treffpunkt: {meetingPoint}. {school}",
    ),
    (TemplateKind.LESSON_MOVED, _SMS, _EN): Wording(
        None,
        "Changed: your driving lesson is now {shortDate} {time} with {instructor}: "
        "{meetingPoint}. {school}",
    ),
    (TemplateKind.LESSON_CHANGED, _MAIL, _DE): Wording(
        "Änderung deiner Fahrstunde am {shortDate} um {time} Uhr",
        "Hallo {givenName},\n\n"
        "deine Fahrstunde am {date} um {time} Uhr hat sich geändert: Sie dauert bis {endTime} Uhr, "
        "und zwar mit {instructor}.\n"
        "Treffpunkt: {meetingPoint}\n\n"
        "Wenn das nicht passt, melde dich bitte bei uns.\n\n{school}",
    ),
    (TemplateKind.LESSON_CHANGED, _MAIL, _EN): Wording(
        "A change of your driving lesson on {shortDate} at {time}",
        "Hello {givenName},\n\n"
        "your driving lesson on {date} at {time} has changed: it lasts until {endTime}, with "
        "{instructor}.\n"
        "Where: {meetingPoint}\n\n"
        "If this does not suit you, please get in touch.\n\n{school}",
    ),
    (TemplateKind.LESSON_CHANGED, _SMS, _DE): Wording(
        None,
        "Geändert: deine Fahrstunde {shortDate} {time} Uhr dauert bis {endTime} Uhr, mit "
        "{instructor}, Treffpunkt: {meetingPoint}. {school}",
    ),
    (TemplateKind.LESSON_CHANGED, _SMS, _EN): Wording(
        None,
        "Changed: your driving lesson {shortDate} {time} lasts until {endTime}, with "
        "{instructor}: {meetingPoint}. {school}",
    ),
    (TemplateKind.LESSON_CANCELLED, _MAIL, _DE): Wording(
        "Deine Fahrstunde am {shortDate} um {time} Uhr fällt aus",
        "Hallo {givenName},\n\n"
        "deine Fahrstunde am {date} um {time} Uhr mit {instructor} müssen wir leider absagen.\n"
        "Bitte melde dich für einen neuen Termin.\n\n{school}",
    ),
    (TemplateKind.LESSON_CANCELLED, _MAIL, _EN): Wording(
        "Your driving lesson on {shortDate} at {time} is cancelled",
        "Hello {givenName},\n\n"
        "we are sorry that we have to cancel your driving lesson on {date} at {time} with "
        "{instructor}.\n"
        "Please get in touch for another date.\n\n{school}",
    ),
    (TemplateKind.LESSON_CANCELLED, _SMS, _DE): Wording(
        None, "Leider fällt deine Fahrstunde {shortDate} {time} Uhr aus. {school}"
    ),
    (TemplateKind.LESSON_CANCELLED, _SMS, _EN): Wording(
        None, "Sorry, your driving lesson {shortDate} {time} is cancelled. {school}"
    ),
    (TemplateKind.PAYMENT_LINK, _MAIL, _DE): Wording(
        "Bitte um Zahlung von {amount}",
        "Hallo {givenName},\n\n"
        "bitte zahle {amount} für {description}:\n{link}\n\nVielen Dank!\n\n{school}",
    ),
    (TemplateKind.PAYMENT_LINK, _MAIL, _EN): Wording(
        "Please pay {amount}",
        "Hello {givenName},\n\n"
        "please pay {amount} for {description}:\n{link}\n\nThank you!\n\n{school}",
    ),
    (TemplateKind.PAYMENT_LINK, _SMS, _DE): Wording(
        None, "Bitte zahle {amount} für {description}: {link} {school}"
    ),
    (TemplateKind.PAYMENT_LINK, _SMS, _EN): Wording(
        None, "Please pay {amount} for {description}: {link} {school}"
    ),
    (TemplateKind.MESSAGE, _MAIL, _DE): Wording(
        "{subject}", "Hallo {givenName},\n\n{text}\n\n{school}"
    ),
    (TemplateKind.MESSAGE, _MAIL, _EN): Wording(
        "{subject}", "Hello {givenName},\n\n{text}\n\n{school}"
    ),
    (TemplateKind.MESSAGE, _SMS, _DE): Wording(None, "{text} {school}"),
    (TemplateKind.MESSAGE, _SMS, _EN): Wording(None, "{text} {school}"),
}
"""The words of every occasion, until the school has its own."""
