"""What a restore must not undo of payments: their links, and what services told of them since."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rpcbackend.schema.payments import Money, Payment, PaymentState
from rpcbackend.schema.templates import TemplateKind
from rpcbackend.store.settled import COLUMNS, add_again, way
from rpcbackend.store.still import reader_of
from rpcbackend.store.transaction import Report
from rpcbackend.store.work import Work

FIRST_VERSION, FIRST_WITH_LETTERS = 13, 17
"""Of the schema: that has payments, and whose links go to their students by themselves."""

_S = PaymentState
_PAID = frozenset({_S.PAID, _S.MISMATCH, _S.REFUNDED, _S.REVERSED})

NEXT: Mapping[str, Sequence[str]] = {
    _S.REQUESTED: sorted(_PAID | {_S.LINK_CREATED, _S.FAILED}),
    _S.LINK_CREATED: sorted(_PAID | {_S.FAILED}),
    _S.FAILED: sorted(_PAID | {_S.REQUESTED}),
    _S.PAID: (_S.REFUNDED, _S.REVERSED),
    _S.MISMATCH: (_S.REFUNDED, _S.REVERSED),
    _S.REFUNDED: (_S.REVERSED,),
}
"""The steps that the table's rule allows; from `failed` to `requested` only without a link."""

_CHANGED = """
SELECT id, state, url, provider_ref, received_minor, received_currency, changed_at, version
FROM payments WHERE version > 1 ORDER BY id
"""

# Also what waits: nobody composes it again, for the link is there already.
_LETTERS = f"""
SELECT {COLUMNS} FROM outbox
WHERE template = :kind AND instr(dedupe_key, '/' || :kind) > 0 AND state <> 'cancelled' ORDER BY id
"""  # noqa: S608 (our own columns)


@dataclass(frozen=True, slots=True)
class Paid:
    """Payments of which more is known than that they were asked for, and what students read."""

    payments: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    letters: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    """Rows of the outbox that tell students their links."""


def paid_in(path: Path, key: bytes | None) -> Callable[[Report], Paid]:
    """Return what reads them from a database that nobody writes to, of whatever version."""
    return reader_of(path, key, _look, "what was paid")


def _look(connection: Any, version: int) -> Paid:
    payments: list[Any] = []
    letters: list[Any] = []
    if version >= FIRST_VERSION:
        payments = connection.execute(_CHANGED).fetchall()
    if version >= FIRST_WITH_LETTERS:
        kind = {"kind": TemplateKind.PAYMENT_LINK.value}
        letters = connection.execute(_LETTERS, kind).fetchall()
    return Paid([dict(row) for row in payments], [dict(row) for row in letters])


async def stay_paid(work: Work, paid: Paid) -> None:
    """Let the payments of a restored store be as they were before.

    Nobody is asked to pay what he has paid, or for a link that there is. Their links go to students
    once: what tells one is there again, as it was.
    """
    for row in paid.payments:
        payment = await work.payments.get(row["id"])
        if payment is not None and payment.version < row["version"]:
            await _take_over(work, payment, row)
    for letter in paid.letters:
        # As `rpcbackend.notices.keys` writes them: student, purpose, payment, version, and more.
        if await work.payments.get(letter["dedupe_key"].split("/")[2]) is not None:
            await add_again(work, letter)


async def _take_over(work: Work, payment: Payment, row: Mapping[str, Any]) -> None:
    steps = way(NEXT, payment.state, row["state"])
    if steps is None or (_S.REQUESTED in steps and payment.url is not None):
        # The backup knows what comes after it: it is of a store that was restored before.
        return
    for step in steps[:-1]:
        payment = payment.model_copy(update={"state": _S(step)})
        await work.payments.put(payment)
    received = None
    if row["received_minor"] is not None:
        received = Money(amount=row["received_minor"], currency=row["received_currency"])
    changes = {
        "state": _S(row["state"]),
        "url": row["url"],
        "provider_ref": row["provider_ref"],
        "received": received,
        "changed_at": datetime.fromtimestamp(row["changed_at"], UTC),
        "version": row["version"],
    }
    await work.payments.put(payment.model_copy(update=changes))
