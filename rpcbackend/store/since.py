"""What happened since a backup that its restore must not undo, as the safety backup tells it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rpcbackend.schema.consents import Consent
from rpcbackend.store.handed import Handed, hand_on_once, handed_in
from rpcbackend.store.paid import Paid, paid_in, stay_paid
from rpcbackend.store.reminded import Reminded, remind_no_more, reminded_in
from rpcbackend.store.revoked import Revoked, revoked_in, shut_out
from rpcbackend.store.said import said_in, say_again
from rpcbackend.store.settled import Settled, settle_again, settled_in
from rpcbackend.store.transaction import Report
from rpcbackend.store.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """Rights that were taken away, what went out, what was paid, and what students said."""

    revoked: Revoked = field(default_factory=Revoked)
    settled: Sequence[Settled] = ()
    reminded: Sequence[Reminded] = ()
    handed: Sequence[Handed] = ()
    paid: Paid = field(default_factory=Paid)
    said: Sequence[Consent] = ()


def since_in(path: Path, key: bytes | None) -> Callable[[Report], Since]:
    """Return what reads it from a database that nobody writes to, of whatever version."""

    # No `partial`: the key would be in its repr, and so in somebody's log.
    def look(report: Report) -> Since:
        return Since(
            revoked=revoked_in(path, key)(report),
            settled=settled_in(path, key)(report),
            reminded=reminded_in(path, key)(report),
            handed=handed_in(path, key)(report),
            paid=paid_in(path, key)(report),
            said=said_in(path, key)(report),
        )

    return look


async def carry_over(work: Work, since: Since) -> None:
    """Let all of it hold in a restored store, too."""
    await shut_out(work, since.revoked)
    await settle_again(work, since.settled)
    await remind_no_more(work, since.reminded)
    await hand_on_once(work, since.handed)
    await stay_paid(work, since.paid)
    await say_again(work, since.said)
