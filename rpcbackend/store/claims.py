"""The claims as rows: the one table that says who or what is busy (rules K1, K2, K5)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import orjson

from rpcbackend.schema.claims import Busy, Claim, OwnerType, ResourceType
from rpcbackend.store.json_sql import json_object
from rpcbackend.store.lessons import Lessons
from rpcbackend.store.sight import Sight
from rpcbackend.store.table import to_column, to_row
from rpcbackend.store.transaction import Transaction

_CLAIM = json_object(Claim)

# Rule K5: claims of one resource are disjoint, so only the one with the greatest start before the
# wanted end can be in the way; an index seek, whatever the size of the table.
_IN_THE_WAY = f"""
SELECT * FROM (
  SELECT {_CLAIM} AS json, ends_at FROM resource_claims
  WHERE school_id = :school AND resource_type = :resource_type AND resource_id = :resource_id
    AND starts_at < :ends_at
  ORDER BY starts_at DESC LIMIT 1
) AS nearest WHERE ends_at > :starts_at
"""  # noqa: S608 (our own columns)

# For each resource a seek for the claim that may reach into the span from before, and a scan of
# those that start in it. Apart: of a scan that begins at an instant which is yet to be looked up,
# PostgreSQL expects a third of all claims, and reads them all. Materialized: it would look that up
# again for every claim.
_BUSY = """
WITH spans (type, id, reach) AS MATERIALIZED (
  SELECT wanted.value, wanted.key, (
    SELECT max(starts_at) FROM resource_claims AS before
    WHERE before.school_id = :school AND before.resource_type = wanted.value
      AND before.resource_id = wanted.key AND before.starts_at < :starts_at)
  FROM json_each(:resources) AS wanted
),
claims AS (
  SELECT claim.* FROM spans
  CROSS JOIN resource_claims AS claim
    ON claim.school_id = :school AND claim.resource_type = spans.type
   AND claim.resource_id = spans.id
   AND claim.starts_at >= :starts_at AND claim.starts_at < :ends_at
  UNION ALL
  SELECT claim.* FROM spans
  CROSS JOIN resource_claims AS claim
    ON claim.school_id = :school AND claim.resource_type = spans.type
   AND claim.resource_id = spans.id AND claim.starts_at = spans.reach
   AND claim.ends_at > :starts_at
)
SELECT resource_id, starts_at, ends_at FROM claims WHERE owner_id IS DISTINCT FROM :but
"""

_TAKE = """
INSERT INTO resource_claims
  (school_id, resource_type, resource_id, starts_at, ends_at, owner_type, owner_id)
VALUES (:school, :resource_type, :resource_id, :starts_at, :ends_at, :owner_type, :owner_id)
"""

# By name: without it SQLite goes through all claims of the school, 24 ms of 42,000 lessons.
_RELEASE = """
DELETE FROM resource_claims INDEXED BY resource_claims_by_owner
WHERE school_id = :school AND owner_type = :owner_type AND owner_id = :owner_id
"""

_OF_OWNER = f"""
SELECT {_CLAIM} AS json FROM resource_claims INDEXED BY resource_claims_by_owner
WHERE school_id = :school AND owner_type = :owner_type AND owner_id = :owner_id
ORDER BY CASE resource_type
  WHEN 'instructor' THEN 1 WHEN 'vehicle' THEN 2 WHEN 'student' THEN 3 ELSE 4 END
"""  # noqa: S608 (our own columns)


class Claims:
    """The busy time of one school: nobody books over what he cannot see."""

    def __init__(self, tx: Transaction, sight: Sight) -> None:
        self._tx, self._sight = tx, sight

    async def conflicting(self, wanted: Sequence[Claim]) -> list[Busy]:
        """Return the stored claims that overlap any of *wanted*, at most one for each.

        A claim whose owner cannot be seen is among them too, without its owner.
        """
        found = await self._tx.together(
            *(self._tx.one(_IN_THE_WAY, **to_row(claim)) for claim in wanted)
        )
        claims = [Claim.model_validate_json(row["json"]) for row in found if row is not None]
        return [claim if await self._is_seen(claim) else _anonymous(claim) for claim in claims]

    async def _is_seen(self, claim: Claim) -> bool:
        if self._sight.is_whole or claim.resource_id == self._sight.person_id:
            return True
        lessons = Lessons(self._tx, self._sight)
        return claim.owner_type is OwnerType.LESSON and await lessons.is_seen(claim.owner_id)

    async def busy(
        self,
        resources: Mapping[str, ResourceType],
        starts_at: datetime,
        ends_at: datetime,
        *,
        but: str | None = None,
    ) -> dict[str, list[tuple[datetime, datetime]]]:
        """Return when resources are busy between two instants, from when to when, by their ids.

        All of it, whoever asks: it is for the rules, not to be told.

        Args:
            resources: Their ids and what they are.
            starts_at: From when on.
            ends_at: Until when.
            but: The lesson whose own time is left out.
        """
        rows = await self._tx.all(
            _BUSY,
            resources=orjson.dumps(resources).decode(),
            starts_at=to_column(starts_at),
            ends_at=to_column(ends_at),
            but=but,
        )
        busy: dict[str, list[tuple[datetime, datetime]]] = {each: [] for each in resources}
        for resource_id, start, end in rows:
            pair = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
            busy[resource_id].append(pair)
        return busy

    async def take_if_free(self, claims: Sequence[Claim]) -> list[Busy]:
        """Make the resources busy, or take nothing and return what is in the way.

        Nobody looks first: the database does so with every claim, and nearly all are free.

        Args:
            claims: Of one owner, who holds nothing yet.
        """
        for claim in claims:
            self._touch(claim.owner_type, claim.owner_id)
        offers = [self._tx.offer(_TAKE, **to_row(claim)) for claim in claims]
        if all(await self._tx.together(*offers)):
            return []
        await self.release(claims[0].owner_type, claims[0].owner_id)
        return await self.conflicting(claims)

    async def take(self, claims: Sequence[Claim]) -> None:
        """Make the resources busy; the database refuses what overlaps (trigger, rule K1)."""
        for claim in claims:
            self._touch(claim.owner_type, claim.owner_id)
            await self._tx.run(_TAKE, **to_row(claim))

    async def release(self, owner_type: OwnerType, owner_id: str) -> None:
        """Give back everything that the owner holds."""
        self._touch(owner_type, owner_id)
        await self._tx.run(_RELEASE, owner_type=owner_type, owner_id=owner_id)

    def _touch(self, owner_type: OwnerType, owner_id: str) -> None:
        self._tx.touched.update(("calendar", f"{owner_type}:{owner_id}"))

    async def of_owner(self, owner_type: OwnerType, owner_id: str) -> list[Claim]:
        """Return what the owner holds: instructor, vehicle, student, room."""
        rows = await self._tx.all(_OF_OWNER, owner_type=owner_type, owner_id=owner_id)
        return [Claim.model_validate_json(row["json"]) for row in rows]


def _anonymous(claim: Claim) -> Busy:
    return Busy(**dict(claim) | {"owner_type": None, "owner_id": None})
