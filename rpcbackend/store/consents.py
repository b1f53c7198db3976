"""The consents as rows: what was said is added, and never changed."""

from rpcbackend.schema.consents import Consent, MessageChannel, Purpose
from rpcbackend.store.table import Table
from rpcbackend.store.transaction import Transaction

MOST = 1_000
"""A list without pages: nobody changes his mind so often."""

_TABLE = Table(Consent, "consents", noun="consent")

_LAST = """
SELECT channel, is_granted FROM consents
WHERE school_id = :school AND student_id = :student AND purpose = :purpose
ORDER BY channel, version
"""


class Consents:
    """The consents of one school; whoever asks has made sure that the student can be seen."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def add(self, consent: Consent) -> None:
        """Add what was said."""
        await _TABLE.add(self._tx, consent)

    async def history(self, student_id: str) -> list[Consent]:
        """Return all that a student ever said, the newest first."""
        rows = await _TABLE.list_encoded(
            self._tx,
            where="student_id = :student",
            order="recorded_at DESC, id DESC",
            limit=MOST,
            student=student_id,
        )
        return [Consent.model_validate_json(row["json"]) for row in rows]

    async def said(self, student_id: str, purpose: Purpose) -> dict[MessageChannel, bool]:
        """Return what a student said last about a purpose, by channel."""
        rows = await self._tx.all(_LAST, student=student_id, purpose=purpose)
        return {MessageChannel(row["channel"]): bool(row["is_granted"]) for row in rows}
