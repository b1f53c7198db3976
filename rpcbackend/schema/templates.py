"""Templates: the words of what the school sends, by kind, channel and language."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from rpcbackend.schema.base import PERSONAL, Language, NoParams, Params, Version, WireModel
from rpcbackend.schema.consents import MessageChannel

MAX_SUBJECT, MAX_TEXT, MAX_SMS = 200, 5_000, 612
"""Characters of a template; those of an SMS are four parts."""

# No control characters, and nothing else that ends a line somewhere: it would begin a new header.
_ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
# Schools name people in them.
Subject = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=MAX_SUBJECT, pattern=_ONE_LINE
    ),
    Field(json_schema_extra=PERSONAL),
]
Text = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=MAX_TEXT,
        pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$",
    ),
    Field(json_schema_extra=PERSONAL),
]


class TemplateKind(StrEnum):
    """On what occasion something is said."""

    LESSON_REMINDER = "lesson_reminder"
    LESSON_MOVED = "lesson_moved"
    LESSON_CHANGED = "lesson_changed"
    LESSON_CANCELLED = "lesson_cancelled"
    PAYMENT_LINK = "payment_link"
    MESSAGE = "message"


class Template(WireModel):
    """The words for one occasion, channel and language."""

    kind: TemplateKind
    channel: MessageChannel
    language: Language
    subject: Annotated[Subject | None, Field(description="Of mail alone.")]
    text: Text
    places: Annotated[
        list[str], Field(description="What may stand in braces, such as {givenName}.")
    ]
    is_own: Annotated[bool, Field(description="False for the words that come with the program.")]
    version: Annotated[
        Version | None, Field(description="Of the school's own words; null if it never had any.")
    ]


class ListTemplates(NoParams):
    """Params of templates.list."""


class TemplateList(WireModel):
    """All templates, by kind, channel and language."""

    items: list[Template]


class SaveTemplate(Params):
    """Params of templates.save."""

    kind: TemplateKind
    channel: MessageChannel
    language: Language
    subject: Annotated[Subject | None, Field(description="For mail, and for mail alone.")] = None
    text: Annotated[
        Text | None, Field(description="null takes the words that come with the program again.")
    ] = None
    expected_version: Version | None = None


class SavedTemplate(WireModel):
    """What templates.save answers."""

    template: Template
    sample: Annotated["Content", Field(description="As somebody would read it.")]


class Content(WireModel):
    """What somebody reads."""

    subject: Annotated[str | None, Field(json_schema_extra=PERSONAL)]
    text: Annotated[str, Field(json_schema_extra=PERSONAL)]


class StoredTemplate(WireModel):
    """The school's own words as they are kept; without text those of the program hold."""

    id: str
    kind: TemplateKind
    channel: MessageChannel
    language: Language
    subject: str | None
    text: str | None
    version: Version
