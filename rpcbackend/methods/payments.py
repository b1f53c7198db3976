"""Payments: ask a student to pay by a link, and look up what became of it."""

from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.errors import CurrencyMismatchError, CursorInvalidError, NotFoundError
from rpcbackend.schema.base import Encoded
from rpcbackend.schema.payments import (
    CreateLink,
    GetPayment,
    ListPayments,
    Payment,
    PaymentPage,
    PaymentState,
)
from rpcbackend.security.roles import Permission
from rpcbackend.store import Message, Work


@method(
    "payments.createLink",
    permission=Permission.PAYMENTS_WRITE,
    kind="command",
    idempotency="once",
    errors=(NotFoundError, CurrencyMismatchError),
    events=("payments.requested", "payments.link_created"),
)
async def create_link(ctx: Context, params: CreateLink) -> Payment:
    """Ask the payment service for a link by which a student pays.

    The service is asked beside the desk: `payments.link_created` tells that the link is there. What
    was paid counts only if it is exactly what was asked for; all else is a `mismatch`, for somebody
    to look at.
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
        await work.payments.add(payment)
        await work.outbox.queue(_request_for(payment))
        await work.record(
            "payments.requested",
            ("payment", payment.id, 1),
            {"paymentId": payment.id, "studentId": student.id},
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
        dedupe_key=f"payment:{payment.id}",
    )


@method("payments.get", permission=Permission.PAYMENTS_READ, errors=(NotFoundError,))
async def get(ctx: Context, params: GetPayment) -> Encoded[Payment]:
    """Return one payment, with its link once there is one."""
    return await ctx.read(lambda work: work.payments.require_encoded(params.payment_id))


@method("payments.list", permission=Permission.PAYMENTS_READ, errors=(CursorInvalidError,))
async def list_page(ctx: Context, params: ListPayments) -> Encoded[PaymentPage]:
    """Return a page of payments, the newest first."""
    return await ctx.read(lambda work: work.payments.list(params))
