"""How many wrong passwords came from where, as rows: all processes of a school count together."""

from hashlib import sha256

from rpcbackend.store.transaction import Transaction

_PAID_AT = """
SELECT paid_at_ms FROM guesses WHERE school_id = :school AND source_sha256 = :source
"""

_PUT = """
INSERT INTO guesses (school_id, source_sha256, paid_at_ms) VALUES (:school, :source, :at)
ON CONFLICT (school_id, source_sha256) DO UPDATE SET paid_at_ms = excluded.paid_at_ms
"""


class Guesses:
    """The counters of one school.

    Each is one number, as of `rpcbackend.resilience.gcra`: when all that was missed is paid for.
    """

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def paid_at_ms(self, source: str) -> int:
        """Return it in epoch milliseconds, 0 where nothing was missed."""
        row = await self._tx.one(_PAID_AT, source=_sha256(source))
        return int(row[0]) if row else 0

    async def put(self, source: str, paid_at_ms: int) -> None:
        """Remember a counter."""
        await self._tx.run(_PUT, source=_sha256(source), at=paid_at_ms)

    async def forget(self, now_ms: int) -> None:
        """Forget what is paid for: sources must not pile up."""
        await self._tx.run(
            "DELETE FROM guesses WHERE school_id = :school AND paid_at_ms <= :now", now=now_ms
        )


def _sha256(source: str) -> bytes:
    # Addresses are of people: none stays readable.
    return sha256(source.encode()).digest()
