"""What services tell of payments and messages: read, and taken into the store once."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from rpcbackend.domain.payments import follow, paid_state
from rpcbackend.errors import InvalidParamsError, ParseError
from rpcbackend.notices.payments import withdraw_link
from rpcbackend.protocol import codec
from rpcbackend.schema.payments import MOST_MINOR, Money, Payment, PaymentState
from rpcbackend.schema.webhooks import ToldOfMessage, ToldOfPayment
from rpcbackend.store import Work, told_of_message
from rpcbackend.store.notices import Notice, Outcome

Told = ToldOfPayment | ToldOfMessage

AGAIN_MS = 60_000
"""When a service is to tell again what it told before we knew that it had the message."""

_MODELS: Mapping[str, type[ToldOfPayment] | type[ToldOfMessage]] = {
    "payment": ToldOfPayment,
    "message": ToldOfMessage,
}

_STATES: Mapping[str, PaymentState] = {
    "payment.paid": PaymentState.PAID,
    "payment.failed": PaymentState.FAILED,
    "payment.refunded": PaymentState.REFUNDED,
    "payment.reversed": PaymentState.REVERSED,
}

_HAPPENED: Mapping[PaymentState, str] = {
    PaymentState.PAID: "payments.received",
    PaymentState.MISMATCH: "payments.mismatched",
    PaymentState.FAILED: "payments.failed",
    PaymentState.REFUNDED: "payments.refunded",
    PaymentState.REVERSED: "payments.reversed",
}

EVENTS = (
    *_HAPPENED.values(),
    *("messages.delivered", "messages.bounced", "messages.cancelled"),
)


class EarlyError(Exception):
    """What is told cannot be taken yet; nothing of it is kept."""


def read_told(body: str, channel: str) -> Told | None:
    """Read what a service tells; None is what nobody here knows the type of.

    Args:
        body: What was signed.
        channel: What the service carries: of payments only such a one can tell.

    Raises:
        InvalidParamsError: It is not JSON of the form that its type has.
    """
    try:
        told = codec.decode(body.encode())
    except ParseError:
        raise _misformed("json") from None
    named = told.get("type") if isinstance(told, dict) else None
    if not isinstance(named, str):
        raise _misformed("type")
    kind = named.partition(".")[0]
    model = _MODELS.get(kind)
    if model is None or (kind == "payment") != (channel == "payment"):
        return None
    known = {field.alias for field in model.model_fields.values()}
    try:
        # More than we know may be told one day.
        return model.model_validate({name: told[name] for name in told if name in known})
    except ValidationError:
        raise _misformed("form") from None


def _misformed(rule: str) -> InvalidParamsError:
    return InvalidParamsError(details={"errors": [{"path": "rawBody", "rule": rule}]})


async def take_told(work: Work, told: Told | None, notice: Notice, channel: str) -> Outcome:
    """Take what was told, and remember that it was.

    Raises:
        EarlyError: It is about a message of which we do not know yet that it was sent.
    """
    outcome = Outcome.UNKNOWN
    if isinstance(told, ToldOfPayment):
        outcome = await _take_payment(work, told)
    elif isinstance(told, ToldOfMessage):
        outcome = await _take_message(work, told, channel)
    await work.notices.add(notice, outcome)
    return outcome


async def _take_payment(work: Work, told: ToldOfPayment) -> Outcome:
    payment = await work.payments.get(told.reference)
    if payment is None:
        return Outcome.UNKNOWN
    state = _STATES[told.type]
    received = payment.received
    if state is PaymentState.PAID:
        received = _received(told)
        state = paid_state(payment.amount, received)
    if not follow(payment.state, state):
        return Outcome.LATE
    changed = payment.model_copy(
        update={
            "state": state,
            "received": received,
            "changed_at": _whole_second(work.now),
            "version": payment.version + 1,
        }
    )
    await work.payments.put(changed)
    if state is not PaymentState.FAILED:
        await withdraw_link(work, changed)
    data = {"paymentId": payment.id, "studentId": payment.student_id} | _amounts_of(changed)
    await work.record(_HAPPENED[state], ("payment", payment.id, changed.version), data)
    return Outcome.TAKEN


def _received(told: ToldOfPayment) -> Money:
    """Return what was paid; a service that does not say so tells nothing that counts."""
    amount, currency = told.amount_minor, told.currency
    if amount is None or not 0 < amount <= MOST_MINOR or currency is None:
        raise _misformed("amount")
    try:
        return Money(amount=amount, currency=currency)
    except ValidationError:
        raise _misformed("amount") from None


def _amounts_of(payment: Payment) -> dict[str, Any]:
    told: dict[str, Any] = {"amount": payment.amount.model_dump()}
    if payment.state is PaymentState.MISMATCH and payment.received is not None:
        told["received"] = payment.received.model_dump()
    return told


def _whole_second(at: datetime) -> datetime:
    return at.replace(microsecond=0)


async def _take_message(work: Work, told: ToldOfMessage, channel: str) -> Outcome:
    state = told.type.partition(".")[2]
    arrival = await work.notices.arrive(told.reference, channel, state)
    if arrival is None:
        return Outcome.UNKNOWN
    if arrival.is_early:
        raise EarlyError
    if not arrival.is_news:
        return Outcome.LATE
    data = told_of_message(arrival.message)
    await work.record(f"messages.{state}", ("message", told.reference, 1), data)
    return Outcome.TAKEN
