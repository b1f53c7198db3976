"""The schedules as rows."""

from datetime import datetime

from rpcbackend.schema.schedules import ScheduleName, StoredSchedule
from rpcbackend.store.table import Table
from rpcbackend.store.transaction import Transaction

TAGS = ("schedules", "branches")
"""What decides when something is due; see `rpcbackend.store.tags`."""

_TABLE = Table(StoredSchedule, "schedules", noun="schedule")


class Schedules:
    """The schedules of one school."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def get(self, name: ScheduleName) -> StoredSchedule:
        """Return what is remembered of a schedule."""
        return await _TABLE.get(self._tx, name) or StoredSchedule(id=name)

    async def put(self, schedule: StoredSchedule) -> None:
        """Remember a schedule."""
        await _TABLE.put(self._tx, schedule)

    async def see(self, name: ScheduleName, at: datetime, job_id: str | None) -> None:
        """Note that all was seen to that was due until now.

        Args:
            name: Which schedule.
            at: Now.
            job_id: Of the job that was begun for that; None leaves the one of the last time.
        """
        stored = await self.get(name)
        seen = {"seen_at": at.replace(microsecond=0), "job_id": job_id or stored.job_id}
        await self.put(stored.model_copy(update=seen))

    async def list(self) -> list[StoredSchedule]:
        """Return all of them, in the order in which the program names them."""
        return [await self.get(name) for name in ScheduleName]
