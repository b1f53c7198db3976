"""The jobs as rows: who began what, and how it ended."""

from rpcbackend.schema.jobs import Job, ListJobs
from rpcbackend.store.table import Table
from rpcbackend.store.transaction import Transaction

KEPT_SECONDS = 30 * 24 * 3600
"""How long the record of a job is kept after its end."""

MOST_KEPT = 1_000
"""Records of ended jobs, at most, however young."""

FORGOTTEN_AT_ONCE = 100
"""Rows that one transaction removes for each reason: nobody waits for it."""

_TABLE = Table(Job, "jobs", noun="job")

_FORGET_OLD = """
DELETE FROM jobs WHERE school_id = :school AND id IN (
  SELECT id FROM jobs WHERE school_id = :school AND ended_at IS NOT NULL AND ended_at <= :before
  ORDER BY ended_at LIMIT :limit)
"""

_FORGET_MANY = """
DELETE FROM jobs WHERE school_id = :school AND id IN (
  SELECT id FROM jobs WHERE school_id = :school AND ended_at IS NOT NULL
  ORDER BY ended_at DESC LIMIT :limit OFFSET :most)
"""


class Jobs:
    """The jobs of one school."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def get(self, job_id: str) -> Job | None:
        """Return the job as it was recorded last, or None."""
        return await _TABLE.get(self._tx, job_id)

    async def put(self, job: Job) -> None:
        """Record a job, or what has become of it; one that is over stays as it is.

        Raises:
            IntegrityError: It is over.
        """
        await _TABLE.put(self._tx, job)

    async def not_over(self, limit: int) -> list[Job]:
        """Return those that were not over when they were recorded last."""
        return await self._find("ended_at IS NULL", limit=limit)

    async def _find(self, where: str, *, limit: int, **params: object) -> list[Job]:
        rows = await _TABLE.list_encoded(
            self._tx, where=where, order="created_at DESC, id DESC", limit=limit, **params
        )
        return [Job.model_validate_json(row["json"]) for row in rows]

    async def forget_old(self, now_seconds: int) -> None:
        """Remove some records of jobs that ended long ago, and some of too many."""
        await self._tx.run(_FORGET_OLD, before=now_seconds - KEPT_SECONDS, limit=FORGOTTEN_AT_ONCE)
        await self._tx.run(_FORGET_MANY, most=MOST_KEPT, limit=FORGOTTEN_AT_ONCE)

    async def list(self, wanted: ListJobs, actor: str | None) -> list[Job]:
        """Return those of *actor*, or all, that fit, the newest first."""
        return await self._find(
            "(:actor IS NULL OR actor = :actor)"
            " AND (:is_over IS NULL OR (ended_at IS NOT NULL) = :is_over)",
            limit=wanted.limit,
            actor=actor,
            is_over=wanted.is_over,
        )
