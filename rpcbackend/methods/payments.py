"""Payments: ask a student to pay by a link, and look up what became of it."""

from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.errors import (
    CurrencyMismatchError,
    CursorInvalidError,
    InvalidTransitionError,
    NotFoundError,
)
from rpcbackend.outside.payment_requests import follow_request
from rpcbackend.schema.base import Encoded
from rpcbackend.schema.outbox import MessageState
from rpcbackend.schema.payments import (
    CreateLink,
    GetPayment,
    ListPayments,
    Payment,
    PaymentPage,
    PaymentState,
    RetryLink,
)
from rpcbackend.security.roles import Permission
from rpcbackend.store import Message, Work, told_of_message
from rpcbackend.store.payments import asking_for


@method(
    "payments.createLink",
    permission=Permission.PAYMENTS_WRITE,
    kind="command",
    idempotency="once",
    errors=(NotFoundError, CurrencyMismatchError),
    events=(
        *("payments.requested", "payments.link_created", "payments.failed"),
        "messages.queued",
    ),
)
async def create_link(ctx: Context, params: CreateLink) -> Payment:
    """Ask the payment service for a link by which a student pays.

    The service is asked beside the desk: `payments.link_created` tells that the link is there, and
    `toldBy` which way it goes to the student by itself; null is that somebody has to give it to
    him. `payments.failed` with a `messageId` tells that there will be none, until
    `payments.retryLink`. What was paid counts only if it is exactly what was asked for; all else is
    a `mismatch`, for somebody to look at.
    """

    async def unit(work: Work) -> Payment:
        student = await work.students.require(params.student_id)
        branch = await work.branches.require(student.branch_id)
        if params.amount.currency != branch.currency:
            raise CurrencyMismatchError(details={"currency": branch.currency})
        now = work.now.replace(microsecond=0)
        payment = Payment(
            id=work.new_id("pay"),
            student_id=student.id,
            amount=params.amount,
            description=params.description,
            return_url=params.return_url,
            state=PaymentState.REQUESTED,
            url=None,
            provider_ref=None,
            received=None,
            created_at=now,
            changed_at=now,
            version=1,
        )
        requested = work.record(
            "payments.requested",
            ("payment", payment.id, 1),
            {"paymentId": payment.id, "studentId": student.id},
        )
        await work.together(
            work.payments.add(payment), work.outbox.queue(_request_for(payment)), requested
        )
        return payment

    return await ctx.write(unit)


def _request_for(payment: Payment) -> Message:
    return Message(
        channel="payment",
        recipient=payment.student_id,
        template="payment_link",
        payload={
            "reference": payment.id,
            "amountMinor": payment.amount.amount,
            "currency": payment.amount.currency,
            "description": payment.description,
            "returnUrl": payment.return_url,
        },
        dedupe_key=asking_for(payment),
        owner_id=payment.student_id,
    )


@method(
    "payments.retryLink",
    permission=Permission.PAYMENTS_WRITE,
    kind="command",
    idempotency="natural",
    errors=(NotFoundError, InvalidTransitionError),
    events=("messages.queued", "payments.requested"),
)
async def retry_link(ctx: Context, params: RetryLink) -> Payment:
    """Ask the payment service again for a link that it did not make, under the same key.

    One that is asked for already is asked for at once. A payment that has a link, or whose request
    was cancelled or failed more than 90 days ago, is none to ask for: `payments.createLink` makes
    another one.
    """

    async def unit(work: Work) -> Payment:
        payment = await work.payments.require(params.payment_id)
        request = await work.payments.request_of(payment)
        if payment.state not in _ASKED_FOR or payment.url is not None or request is None:
            details = {"id": payment.id, "from": payment.state, "to": PaymentState.REQUESTED}
            raise InvalidTransitionError(_NONE_TO_REPEAT, details=details)
        message = await work.outgoing.retry(request)
        if message is not None:
            await work.record(
                "messages.queued", ("message", message.id, 1), told_of_message(message)
            )
            await follow_request(work, message, MessageState.QUEUED)
        return await work.payments.require(payment.id)

    asked = await ctx.write(unit)
    if ctx.has_written:
        ctx.host.post.hurry()
    return asked


_ASKED_FOR = {PaymentState.REQUESTED, PaymentState.FAILED}

_NONE_TO_REPEAT = "There is no request to repeat; if there is no link, make another payment."


@method("payments.get", permission=Permission.PAYMENTS_READ, errors=(NotFoundError,))
async def get(ctx: Context, params: GetPayment) -> Encoded[Payment]:
    """Return one payment, with its link once there is one."""
    return await ctx.read(lambda work: work.payments.require_encoded(params.payment_id))


@method("payments.list", permission=Permission.PAYMENTS_READ, errors=(CursorInvalidError,))
async def list_page(ctx: Context, params: ListPayments) -> Encoded[PaymentPage]:
    """Return a page of payments, the newest first."""
    return await ctx.read(lambda work: work.payments.list(params))
