"""Webhooks: where events go, and what services tell."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from rpcbackend.schema.base import (
    PERSONAL,
    SECRET,
    Flag,
    Instant,
    Integer,
    Params,
    Version,
    WireModel,
    id_pattern,
)
from rpcbackend.schema.outbox import MessageId, MessageState
from rpcbackend.schema.providers import ProviderId

WebhookId = Annotated[str, id_pattern("whk")]
EventType = Annotated[
    str, StringConstraints(max_length=100, pattern=r"^[a-zA-Z]+\.[a-z]+(?:_[a-z]+)*$")
]
EventTypes = Annotated[
    list[EventType],
    Field(
        min_length=1, max_length=200, description="Such as lessons.booked; rpc.discover has all."
    ),
]
# Whoever knows the address of a workflow can often start it.
WebhookUrl = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2_048),
    Field(
        description="https, a public host, port 443 or 8443.",
        json_schema_extra=PERSONAL,
    ),
]


class Webhook(WireModel):
    """Where events of some types go, without its secret."""

    id: WebhookId
    url: WebhookUrl
    types: EventTypes
    is_active: Annotated[Flag, Field(description="While it is not, it misses what happens.")]
    created_at: Instant
    secret_changed_at: Annotated[
        Instant, Field(description="For a day after that the secret before it signs as well.")
    ]
    version: Version


class SaveWebhook(Params):
    """Params of webhooks.save: without webhookId a new one is made."""

    webhook_id: WebhookId | None = None
    url: WebhookUrl
    types: EventTypes
    is_active: Flag = True
    rotate_secret: Annotated[
        Flag, Field(description="Make another secret; a new webhook has one anyway.")
    ] = False
    expected_version: Version | None = None


class SavedWebhook(WireModel):
    """What webhooks.save answers."""

    webhook: Webhook
    secret: Annotated[
        str | None,
        Field(
            description="Shown this once, when it was made; null otherwise, in a repeated reply, "
            "and after a dry run.",
            json_schema_extra=SECRET,
        ),
    ]


class RemoveWebhook(Params):
    """Params of webhooks.remove."""

    webhook_id: WebhookId
    expected_version: Version | None = None


class ListWebhooks(Params):
    """Params of webhooks.list."""

    webhook_id: Annotated[WebhookId | None, Field(description="Only this one.")] = None
    deliveries: Annotated[
        Integer, Field(ge=0, le=100, description="How many of each are shown, the newest first.")
    ] = 0


class Delivery(WireModel):
    """One event on its way to one webhook."""

    message_id: Annotated[MessageId, Field(description="outbox.retry takes it; its webhook-id.")]
    seq: Annotated[Integer, Field(description="Of the event.")]
    type: EventType
    state: MessageState
    attempts: Integer
    last_error: str | None
    queued_at: Instant
    ended_at: Instant | None


class ListedWebhook(WireModel):
    """A webhook and what went to it last."""

    webhook: Webhook
    deliveries: list[Delivery]


class WebhookPage(WireModel):
    """Webhooks by age."""

    items: list[ListedWebhook]


class ReceiveWebhook(Params):
    """Params of webhooks.receive: a request as it came."""

    provider: Annotated[ProviderId, Field(description="The service that is said to have sent it.")]
    headers: Annotated[
        dict[
            Annotated[str, StringConstraints(max_length=200)],
            Annotated[str, StringConstraints(max_length=8_192)],
        ],
        # Within five minutes they open what they opened before.
        Field(max_length=200, json_schema_extra=SECRET),
    ]
    raw_body: Annotated[
        str,
        StringConstraints(max_length=65_536),
        Field(
            description="Byte for byte what was signed, as text.",
            json_schema_extra=PERSONAL,
        ),
    ]


class ReceivedWebhook(WireModel):
    """What webhooks.receive answers."""

    outcome: Annotated[
        Literal["taken", "late", "unknown"],
        Field(
            description="`late`: it is known already, or something that comes after it; `unknown`: "
            "nobody knows what it is about. Neither is an error of the sender's."
        ),
    ]
    is_duplicate: Annotated[Flag, Field(description="Whether this very message came before.")]


class ToldOfPayment(WireModel):
    """What a payment service tells; see docs/outside.md."""

    type: Literal["payment.paid", "payment.failed", "payment.refunded", "payment.reversed"]
    reference: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    amount_minor: Integer | None = None
    currency: Annotated[str, StringConstraints(max_length=3)] | None = None


class ToldOfMessage(WireModel):
    """What a service tells that carries messages."""

    type: Literal["message.delivered", "message.bounced"]
    reference: Annotated[str, StringConstraints(min_length=1, max_length=200)]
