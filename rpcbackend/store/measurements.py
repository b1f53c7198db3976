"""How well the process served: what is remembered of it beyond its end."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from rpcbackend.schema.base import MAX_SAFE_INTEGER
from rpcbackend.store.transaction import Row, Transaction

_SAVE = """
INSERT INTO measurements (school_id, span_seconds, began_at, up_ms, down_ms, failed, times)
VALUES (:school, :span, :began_at, :up_ms, :down_ms, :failed, :times)
ON CONFLICT (school_id, span_seconds, began_at) DO UPDATE SET
  up_ms = excluded.up_ms, down_ms = excluded.down_ms, failed = excluded.failed,
  times = excluded.times
"""

_ALL = """
SELECT began_at, up_ms, down_ms, failed, times FROM measurements
WHERE school_id = :school AND span_seconds = :span
"""

_ONE = """
SELECT began_at, up_ms, down_ms, failed, times FROM measurements
WHERE school_id = :school AND span_seconds = :span AND began_at = :began_at
"""

_KEEP_NEAREST = """
DELETE FROM measurements WHERE school_id = :school AND span_seconds = :span AND began_at IN (
  SELECT began_at FROM measurements WHERE school_id = :school AND span_seconds = :span
  ORDER BY began_at > :now, abs(began_at - :now) LIMIT :all OFFSET :count)
"""

_BEGIN = """
INSERT INTO runs (school_id, began_at) VALUES (:school, :at)
ON CONFLICT (school_id) DO UPDATE SET began_at = excluded.began_at, ended_at = NULL
"""

_LAST = "SELECT began_at, ended_at FROM runs WHERE school_id = :school"


@dataclass(slots=True)
class Measured:
    """What happened within a span of time."""

    up_ms: int = 0
    """While the process was there."""
    down_ms: int = 0
    """While it was not, and should have been."""
    failed: int = 0
    """Calls that ended with an error of the system or the network."""
    times: dict[int, int] = field(default_factory=dict)
    """Calls by the bucket of their duration; see `rpcbackend.histogram`."""

    def copy(self) -> "Measured":
        """Return another one with the same figures."""
        return Measured(self.up_ms, self.down_ms, self.failed, self.times.copy())

    def add(self, other: "Measured") -> None:
        """Count what happened in *other* too."""
        self.up_ms += other.up_ms
        self.down_ms += other.down_ms
        self.failed += other.failed
        for bucket, count in other.times.items():
            self.times[bucket] = self.times.get(bucket, 0) + count


@dataclass(frozen=True, slots=True)
class Run:
    """The life of a process, in Unix seconds."""

    began_at: int
    ended_at: int | None
    """None while it is there, and for ever when it ended without a word."""


class Measurements:
    """The measurements of one school."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def all(self, span_seconds: int) -> dict[int, Measured]:
        """Return those of spans of this length, by when they began, in Unix seconds."""
        return {
            row["began_at"]: _measured(row) for row in await self._tx.all(_ALL, span=span_seconds)
        }

    async def add(self, span_seconds: int, measured: Mapping[int, Measured]) -> None:
        """Add some to what is known of their spans: other processes may have measured too."""
        for began_at, one in measured.items():
            row = await self._tx.one(_ONE, span=span_seconds, began_at=began_at)
            total = _measured(row) if row else Measured()
            total.add(one)
            await self.save(span_seconds, {began_at: total})

    async def save(self, span_seconds: int, measured: Mapping[int, Measured]) -> None:
        """Keep some, in the place of what was known of their spans."""
        for began_at, one in measured.items():
            await self._tx.run(
                _SAVE,
                span=span_seconds,
                began_at=began_at,
                up_ms=one.up_ms,
                down_ms=one.down_ms,
                failed=one.failed,
                times=orjson.dumps(list(one.times.items())).decode(),
            )

    async def keep_nearest(self, span_seconds: int, count: int, now: int) -> None:
        """Give up all spans of this length but so many: those just before *now*, then after it."""
        await self._tx.run(
            _KEEP_NEAREST, span=span_seconds, all=MAX_SAFE_INTEGER, count=count, now=now
        )

    async def last_run(self) -> Run | None:
        """Return the life of the process that came last, this one perhaps."""
        row = await self._tx.one(_LAST)
        return Run(row["began_at"], row["ended_at"]) if row else None

    async def begin_run(self, at: int) -> None:
        """Note that a process is there."""
        await self._tx.run(_BEGIN, at=at)

    async def end_run(self, at: int) -> None:
        """Note that it ends in good order."""
        await self._tx.run("UPDATE runs SET ended_at = :at WHERE school_id = :school", at=at)


def _measured(row: Row) -> Measured:
    return Measured(row["up_ms"], row["down_ms"], row["failed"], dict(orjson.loads(row["times"])))
