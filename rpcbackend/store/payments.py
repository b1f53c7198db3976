"""The payments by links as rows."""

from typing import Any

import orjson

from rpcbackend.schema.base import Encoded
from rpcbackend.schema.payments import ListPayments, Payment, PaymentPage
from rpcbackend.store.cursor import read_cursor, write_cursor
from rpcbackend.store.table import Table, page_of
from rpcbackend.store.transaction import Transaction


def _more_columns(payment: Payment) -> dict[str, Any]:
    received = payment.received
    return {
        "asked_minor": payment.amount.amount,
        "currency": payment.amount.currency,
        "received_minor": received.amount if received else None,
        "received_currency": received.currency if received else None,
    }


_TABLE = Table(
    Payment,
    "payments",
    noun="payment",
    expressions={
        "amount": "json_object('amount', asked_minor, 'currency', currency)",
        "received": "CASE WHEN received_minor IS NULL THEN NULL"
        " ELSE json_object('amount', received_minor, 'currency', received_currency) END",
    },
    more_columns=_more_columns,
)

_ASKS = "payment:"


def asking_for(payment: Payment) -> str:
    """Return the dedupe key of the message that asks for the link of a payment."""
    return f"{_ASKS}{payment.id}"


_FILTERS = {
    "student": "student_id = :student",
    "state": "state = :state",
    "before": "id < :before",
}


class Payments:
    """The payments of one school."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def get(self, payment_id: str) -> Payment | None:
        """Return the payment, or None."""
        return await _TABLE.get(self._tx, payment_id)

    async def require(self, payment_id: str) -> Payment:
        """Return the payment.

        Raises:
            NotFoundError: There is none with this id.
        """
        return await _TABLE.require(self._tx, payment_id)

    async def asked_by(self, message_id: str) -> Payment | None:
        """Return the payment whose link a message of the outbox asks for, or None."""
        row = await self._tx.one(
            "SELECT dedupe_key FROM outbox"
            " WHERE school_id = :school AND id = :id AND channel = 'payment'",
            id=message_id,
        )
        return await self.get(str(row[0]).removeprefix(_ASKS)) if row else None

    async def request_of(self, payment: Payment) -> str | None:
        """Return the id of the message that asks for the link of a payment; None if forgotten."""
        row = await self._tx.one(
            "SELECT id FROM outbox WHERE school_id = :school AND dedupe_key = :key",
            key=asking_for(payment),
        )
        return str(row[0]) if row else None

    async def is_called_off(self, payment: Payment) -> bool:
        """Tell whether the request for its link was cancelled while it was on its way."""
        row = await self._tx.one(
            "SELECT is_withdrawn FROM outbox WHERE school_id = :school AND dedupe_key = :key",
            key=asking_for(payment),
        )
        return row is not None and bool(row[0])

    async def require_encoded(self, payment_id: str) -> Encoded[Payment]:
        """Return the payment as wire JSON; see `Table.require`."""
        return await _TABLE.require_encoded(self._tx, payment_id)

    async def add(self, payment: Payment) -> None:
        """Add a payment whose id was made for it."""
        await _TABLE.add(self._tx, payment)

    async def put(self, payment: Payment) -> None:
        """Replace the payment with its id."""
        await _TABLE.put(self._tx, payment)

    async def list(self, wanted: ListPayments) -> Encoded[PaymentPage]:
        """Return a page of those that fit, the newest first.

        Raises:
            CursorInvalidError: The cursor is not one of this list.
        """
        before = read_cursor(wanted.cursor, str)[0] if wanted.cursor is not None else None
        params = {"student": wanted.student_id, "state": wanted.state, "before": before}
        used = {name: value for name, value in params.items() if value is not None}
        rows = await _TABLE.list_encoded(
            self._tx,
            where=" AND ".join(_FILTERS[name] for name in used) or "true",
            order="id DESC",
            limit=wanted.limit + 1,
            **used,
        )
        page, rest = rows[: wanted.limit], rows[wanted.limit :]
        cursor = write_cursor(orjson.loads(page[-1]["json"])["id"]) if rest else None
        return Encoded(page_of(page, next_cursor=cursor))
