"""Providers: who carries what the school sends."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from rpcbackend.schema.base import (
    BLANKS,
    PERSONAL,
    SECRET,
    Email,
    Flag,
    Integer,
    Name,
    Params,
    Phone,
    Version,
    WireModel,
    id_pattern,
)
from rpcbackend.schema.outbox import MessageId

ProviderId = Annotated[str, id_pattern("prv")]
Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:-]{1,253}$")]
# No user, no query and no fragment: a secret that stands there would be shown and logged.
Url = Annotated[
    str,
    StringConstraints(
        max_length=500, pattern=rf"^https?://[A-Za-z0-9.\[\]:-]+(/[^?#@{BLANKS}]*)?$"
    ),
]
ProviderName = Annotated[
    Name, Field(description="What the school calls it.", json_schema_extra=PERSONAL)
]
# RFC 5322 allows no more in a header, and nobody forges another one with these.
_PLAIN = r"^[^\x00-\x1f\x7f]*$"


class ProviderChannel(StrEnum):
    """The ways out that somebody carries."""

    MAIL = "mail"
    SMS = "sms"
    PAYMENT = "payment"


class MailServer(WireModel):
    """A server that takes mail by SMTP."""

    host: Host
    port: Annotated[Integer, Field(ge=1, le=65_535)]
    security: Annotated[
        Literal["starttls", "tls", "none"],
        Field(description="`none` sends in the clear: to a server on this machine alone."),
    ]
    sender: Annotated[
        Email,
        Field(
            description="The school's address, which mail comes from.", json_schema_extra=PERSONAL
        ),
    ]
    username: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=254, pattern=_PLAIN)] | None,
        Field(description="Without one nobody signs in.", json_schema_extra=PERSONAL),
    ] = None


class WebService(WireModel):
    """A service that takes text messages or payments by HTTP; see docs/outside.md."""

    url: Annotated[Url, Field(description="Where its API begins: https and a public host.")]
    sender: Annotated[
        str,
        StringConstraints(max_length=50, pattern=_PLAIN),
        Field(description="What a text message says it comes from.", json_schema_extra=PERSONAL),
    ] = ""


class Provider(WireModel):
    """One provider, without its secret."""

    id: ProviderId
    channel: ProviderChannel
    name: ProviderName
    is_enabled: Annotated[
        Flag,
        Field(
            description="A channel without an enabled provider is switched off: all of it waits."
        ),
    ]
    priority: Annotated[
        Integer,
        Field(ge=1, le=99, description="The smallest goes first; the next one steps in for it."),
    ]
    mail: MailServer | None
    web: WebService | None
    has_secret: Annotated[Flag, Field(description="Whether a password or key is kept.")]
    version: Version


class SaveProvider(Params):
    """Params of providers.save: without providerId a new one is made."""

    provider_id: ProviderId | None = None
    channel: ProviderChannel
    name: ProviderName
    is_enabled: Flag = True
    priority: Annotated[Integer, Field(ge=1, le=99)] = 1
    mail: Annotated[MailServer | None, Field(description="For the channel mail.")] = None
    web: Annotated[WebService | None, Field(description="For the other channels.")] = None
    secret: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=_PLAIN)] | None,
        Field(
            description="The password of the mail server, the key of the service. It is kept "
            "sealed and never shown. Without one the present one stays; another host wants one.",
            json_schema_extra=SECRET,
        ),
    ] = None
    expected_version: Version | None = None


class ProviderPage(WireModel):
    """Providers by channel and priority."""

    items: list[Provider]


class RemoveProvider(Params):
    """Params of providers.remove."""

    provider_id: ProviderId
    expected_version: Version | None = None


class TestProvider(Params):
    """Params of providers.test."""

    provider_id: ProviderId
    recipient: Annotated[
        Email | Phone,
        Field(
            description="A mail address or, for text messages, a number.",
            json_schema_extra=PERSONAL,
        ),
    ]


class TestedProvider(WireModel):
    """What providers.test answers: messages.sent or messages.failed tells of this message."""

    message_id: MessageId
