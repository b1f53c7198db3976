"""Payments: what a student is asked to pay by a link, and what became of it."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from rpcbackend.schema.base import (
    PERSONAL,
    Currency,
    Cursor,
    Instant,
    Integer,
    Limit,
    Name,
    Params,
    StudentId,
    Version,
    WireModel,
    id_pattern,
)

PaymentId = Annotated[str, id_pattern("pay")]
WebUrl = Annotated[
    str,
    StringConstraints(max_length=2_000, pattern=r"^https://[\x21-\x7e]+$"),
    # It leads to what somebody has to pay.
    Field(json_schema_extra=PERSONAL),
]

MOST_MINOR = 1_000_000_000
"""No student pays more at once, in whatever currency."""


class Money(WireModel):
    """An amount in the smallest unit of its currency."""

    amount: Annotated[Integer, Field(ge=1, le=MOST_MINOR, description="Cents, for euros.")]
    currency: Currency


class PaymentState(StrEnum):
    """What became of a payment."""

    REQUESTED = "requested"
    """The link is still to come."""
    LINK_CREATED = "link_created"
    PAID = "paid"
    MISMATCH = "mismatch"
    """Paid, but not what was asked for."""
    FAILED = "failed"
    """The student tried, and may try again by the same link; or there is no link."""
    REFUNDED = "refunded"
    REVERSED = "reversed"
    """Taken back by the student's bank."""


class Payment(WireModel):
    """One payment by a link."""

    id: PaymentId
    student_id: StudentId
    amount: Money
    description: Annotated[Name, Field(json_schema_extra=PERSONAL)]
    return_url: WebUrl | None
    state: PaymentState
    url: Annotated[WebUrl | None, Field(description="The link, once the service has made it.")]
    provider_ref: Annotated[
        str | None, Field(description="What the service calls it.", json_schema_extra=PERSONAL)
    ]
    received: Annotated[
        Money | None, Field(description="What was paid; for a mismatch not what was asked for.")
    ]
    created_at: Instant
    changed_at: Instant
    version: Version


class CreateLink(Params):
    """Params of payments.createLink."""

    student_id: StudentId
    amount: Money
    description: Annotated[
        Name, Field(description="What it is for, as it is shown.", json_schema_extra=PERSONAL)
    ]
    return_url: Annotated[
        WebUrl | None, Field(description="Where the service sends the student afterwards.")
    ] = None


class RetryLink(Params):
    """Params of payments.retryLink."""

    payment_id: PaymentId


class GetPayment(Params):
    """Params of payments.get."""

    payment_id: PaymentId


class ListPayments(Params):
    """Params of payments.list."""

    student_id: StudentId | None = None
    state: PaymentState | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class PaymentPage(WireModel):
    """Payments, the newest first."""

    items: list[Payment]
    next_cursor: Cursor | None
