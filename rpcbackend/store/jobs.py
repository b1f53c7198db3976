"""The jobs as rows: who began what, and how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from rpcbackend.schema.base import Params
from rpcbackend.schema.jobs import Job, ListJobs
from rpcbackend.store.table import Table
from rpcbackend.store.transaction import Transaction

KEPT_SECONDS = 30 * 24 * 3600
"""How long the record of a job is kept after its end."""

MOST_KEPT = 1_000
"""Records of ended jobs, at most, however young."""

FORGOTTEN_AT_ONCE = 100
"""Rows that one transaction removes for each reason: nobody waits for it."""

MAX_CHECKPOINT_BYTES = 64 * 1024
"""A job says how far it is; what it has made so far stands elsewhere."""

_TABLE = Table(Job, "jobs", noun="job")

_OVER: dict[str, Any] = {"params": None, "checkpoint": None, "session_id": None}
"""Of a job that is over nothing is kept that only served to go on with it."""

_FORGET_OLD = """
DELETE FROM jobs WHERE school_id = :school AND id IN (
  SELECT id FROM jobs WHERE school_id = :school AND ended_at IS NOT NULL AND ended_at <= :before
  ORDER BY ended_at LIMIT :limit)
"""

_LEFT = f"""
SELECT {_TABLE.json} AS json, lease, is_sealed, session_id, params, checkpoint FROM jobs
WHERE school_id = :school AND ended_at IS NULL ORDER BY created_at, id LIMIT :limit
"""  # noqa: S608 (our own names)

_KEEP = """
UPDATE jobs
SET checkpoint = coalesce(:checkpoint, checkpoint), is_sealed = is_sealed | :is_sealed
WHERE school_id = :school AND id = :id
"""

_FORGET_MANY = """
DELETE FROM jobs WHERE school_id = :school AND id IN (
  SELECT id FROM jobs WHERE school_id = :school AND ended_at IS NOT NULL
  ORDER BY ended_at DESC LIMIT :limit OFFSET :most)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftJob:
    """A job that has not ended, and what is kept so that another process may go on with it."""

    job: Job
    lease: int
    """Of whoever ran it last."""
    is_sealed: bool
    session_id: str | None
    params: bytes | None
    """What was asked for, as JSON; None for what begins anew only when somebody asks again."""
    checkpoint: Mapping[str, Any] | None
    """What the job itself has kept."""


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
        await _TABLE.put(self._tx, job, **(_OVER if job.state.is_over else {}))

    async def begin(self, job: Job, params: Params | None, session_id: str | None) -> None:
        """Record a job that waits, and with *params* what another process needs to go on with it.

        Args:
            job: How it waits.
            params: What was asked for, if that may be kept.
            session_id: Of whoever asked.
        """
        if params is None:
            await _TABLE.add(self._tx, job)
        else:
            kept = params.model_dump_json(exclude_unset=True)
            await _TABLE.add(self._tx, job, params=kept, session_id=session_id)

    async def left(self, limit: int) -> list[LeftJob]:
        """Return those that were not over when they were recorded last."""
        rows = await self._tx.all(_LEFT, limit=limit)
        return [_left(row) for row in rows]

    async def take(self, job_id: str) -> int:
        """Begin to run a job, and return the number of the lease under which that is done."""
        row = await self._tx.one(
            "UPDATE jobs SET lease = lease + 1 WHERE school_id = :school AND id = :id"
            " RETURNING lease",
            id=job_id,
        )
        return row[0] if row else 0

    async def lease(self, job_id: str) -> int:
        """Return the number of the lease under which a job is run."""
        row = await self._tx.one(
            "SELECT lease FROM jobs WHERE school_id = :school AND id = :id", id=job_id
        )
        return row[0] if row else 0

    async def is_sealed(self, job_id: str) -> bool:
        """Tell whether nothing stops a job any more, whichever process goes on with it."""
        row = await self._tx.one(
            "SELECT is_sealed FROM jobs WHERE school_id = :school AND id = :id", id=job_id
        )
        return row is not None and bool(row[0])

    async def keep(
        self, job_id: str, checkpoint: Mapping[str, Any] | None, *, is_sealed: bool = False
    ) -> None:
        """Keep how far a job is; None leaves what is kept.

        Raises:
            ValueError: It is too much.
        """
        text = None if checkpoint is None else orjson.dumps(checkpoint).decode()
        if text is not None and len(text) > MAX_CHECKPOINT_BYTES:
            raise ValueError("a checkpoint says how far a job is, and no more")
        await self._tx.run(_KEEP, id=job_id, checkpoint=text, is_sealed=int(is_sealed))

    async def let_go(self) -> None:
        """Go on with none of those that have not ended: they belong to another time."""
        await self._tx.run(
            "UPDATE jobs SET is_resumable = 0, params = NULL, checkpoint = NULL"
            " WHERE school_id = :school AND ended_at IS NULL"
        )

    async def _find(self, where: str, *, limit: int, **params: object) -> list[Job]:
        rows = await _TABLE.list_encoded(
            self._tx, where=where, order="created_at DESC, id DESC", limit=limit, **params
        )
        return [Job.model_validate_json(row["json"]) for row in rows]

    async def forget_old(self, now_seconds: int) -> int:
        """Remove some records of jobs that ended long ago, and some of too many; count them."""
        before = now_seconds - KEPT_SECONDS
        old = await self._tx.run(_FORGET_OLD, before=before, limit=FORGOTTEN_AT_ONCE)
        return old + await self._tx.run(_FORGET_MANY, most=MOST_KEPT, limit=FORGOTTEN_AT_ONCE)

    async def list(self, wanted: ListJobs, actor: str | None) -> list[Job]:
        """Return those of *actor*, or all, that fit, the newest first."""
        return await self._find(
            "(:actor IS NULL OR actor = :actor)"
            " AND (:is_over IS NULL OR (ended_at IS NOT NULL) = :is_over)",
            limit=wanted.limit,
            actor=actor,
            is_over=wanted.is_over,
        )


def _left(row: Any) -> LeftJob:
    params, checkpoint = row["params"], row["checkpoint"]
    return LeftJob(
        job=Job.model_validate_json(row["json"]),
        lease=row["lease"],
        is_sealed=bool(row["is_sealed"]),
        session_id=row["session_id"],
        params=None if params is None else params.encode(),
        checkpoint=None if checkpoint is None else orjson.loads(checkpoint),
    )
