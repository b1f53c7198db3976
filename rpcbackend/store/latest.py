"""The latest time that certainly was, as it is remembered."""

from rpcbackend.store.transaction import Transaction

_NOTE = """
INSERT INTO clock (school_id, latest_at) VALUES (:school, :at)
ON CONFLICT (school_id) DO UPDATE SET latest_at = max(clock.latest_at, excluded.latest_at)
"""

_FORGET = "UPDATE clock SET latest_at = :at WHERE school_id = :school AND latest_at > :most"


class LatestTime:
    """The clock of one school."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def get(self) -> int:
        """Return it in Unix seconds, 0 before the first."""
        row = await self._tx.one("SELECT latest_at FROM clock WHERE school_id = :school")
        return int(row[0]) if row else 0

    async def note(self, at: int, *, most: int) -> None:
        """Remember that it was *at*; what lies beyond *most* was a clock that went wrong by far."""
        await self._tx.run(_FORGET, at=at, most=most)
        await self._tx.run(_NOTE, at=at)
