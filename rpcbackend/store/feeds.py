"""The feeds as rows, and the lessons that each tells of; of the tokens only hashes."""

from datetime import UTC, datetime
from typing import Any

from rpcbackend.schema.base import Encoded
from rpcbackend.schema.feeds import Feed, FeedDetail, FeedKind, FeedLesson, FeedPage
from rpcbackend.schema.lessons import LessonState, LessonType
from rpcbackend.store.sight import Sight
from rpcbackend.store.table import Table, page_of
from rpcbackend.store.transaction import Transaction

MOST = 1_000
"""Feeds in a list: the newest."""

MOST_LESSONS = 10_000
"""In one feed: five years of an instructor, or half a year of a large branch."""

CANCELLED_SECONDS = 30 * 24 * 3600
"""How long a lesson that was cancelled is still told of, so that every calendar has heard of it."""

_TABLE = Table(Feed, "feeds", noun="feed")

_NAMES = """
  lessons.pickup, lessons.dropoff, students.given_name || ' ' || students.family_name,
  instructors.given_name || ' ' || instructors.family_name, vehicles.plate"""
_PEOPLE = """
JOIN students ON students.school_id = :school AND students.id = lessons.student_id
JOIN instructors ON instructors.school_id = :school AND instructors.id = lessons.instructor_id
LEFT JOIN vehicles ON vehicles.school_id = :school AND vehicles.id = lessons.vehicle_id"""
# Of whoever may know nothing of them, names never leave the database.
_TOLD = {
    FeedDetail.BUSY_ONLY: ("NULL, NULL, NULL, NULL, NULL", ""),
    FeedDetail.FULL: (_NAMES, _PEOPLE),
}
_OWNERS = {
    FeedKind.INSTRUCTOR: "lessons.instructor_id",
    FeedKind.STUDENT: "lessons.student_id",
    FeedKind.VEHICLE: "lessons.vehicle_id",
    FeedKind.BRANCH: "lessons.branch_id",
}
_LESSONS = {
    (kind, detail): f"""
SELECT lessons.id, lessons.version, lessons.state, lessons.type, lessons.starts_at,
       lessons.ends_at, lessons.zone, {columns}
FROM lessons {joins}
WHERE lessons.school_id = :school AND {owner} = :owner
  AND lessons.starts_at >= :since AND lessons.starts_at < :until
  AND (lessons.state IN
         ('requested', 'booked', 'confirmed', 'in_progress', 'completed', 'no_show')
       OR lessons.state = 'cancelled' AND lessons.cancelled_at > :cancelled_after)
ORDER BY lessons.starts_at, lessons.id LIMIT :limit
"""  # noqa: S608 (our own names)
    for kind, owner in _OWNERS.items()
    for detail, (columns, joins) in _TOLD.items()
}


class Feeds:
    """The feeds of one school: a person sees his own."""

    def __init__(self, tx: Transaction, sight: Sight) -> None:
        self._tx, self._sight = tx, sight

    async def get(self, feed_id: str) -> Feed | None:
        """Return the feed, or None if there is none that can be seen."""
        feed = await _TABLE.get(self._tx, feed_id)
        is_seen = feed is not None and (self._sight.is_whole or self._is_own(feed))
        return feed if is_seen else None

    def _is_own(self, feed: Feed) -> bool:
        return feed.owner_id == self._sight.person_id

    async def find(self, token_sha256: bytes) -> Feed | None:
        """Return the feed that a token opens, revoked or not, or None."""
        row = await self._tx.one(
            "SELECT id FROM feeds WHERE school_id = :school AND token_sha256 = :sha",
            sha=token_sha256,
        )
        return await _TABLE.get(self._tx, row["id"]) if row else None

    async def add(self, feed: Feed, token_sha256: bytes) -> None:
        """Add a feed, or replace the one with its id, and its token."""
        await _TABLE.put(self._tx, feed, token_sha256=token_sha256)

    async def put(self, feed: Feed) -> None:
        """Replace the feed with its id; its token stays."""
        row = await self._tx.one(
            "SELECT token_sha256 FROM feeds WHERE school_id = :school AND id = :id", id=feed.id
        )
        if row is not None:
            await self.add(feed, row["token_sha256"])

    async def live_of(self, owner_id: str) -> int:
        """Count the feeds of one owner that are not revoked."""
        row = await self._tx.one(
            "SELECT count(*) FROM feeds"
            " WHERE school_id = :school AND owner_id = :owner AND revoked_at IS NULL",
            owner=owner_id,
        )
        return int(row[0]) if row else 0

    async def lessons(self, feed: Feed, now_seconds: int) -> list[FeedLesson]:
        """Return the lessons that a feed tells of, by start.

        Args:
            feed: Whose, and how much of them.
            now_seconds: Its days are counted from here.
        """
        rows = await self._tx.all(
            _LESSONS[feed.kind, feed.detail],
            owner=feed.owner_id,
            since=now_seconds - feed.past_days * 86_400,
            until=now_seconds + feed.future_days * 86_400,
            cancelled_after=now_seconds - CANCELLED_SECONDS,
            limit=MOST_LESSONS,
        )
        return [_lesson(*row) for row in rows]

    async def list(self) -> Encoded[FeedPage]:
        """Return those that can be seen, the newest first."""
        whole = self._sight.is_whole
        rows = await _TABLE.list_encoded(
            self._tx,
            where="true" if whole else "owner_id = :seer",
            order="created_at DESC, id DESC",
            limit=MOST,
            **({} if whole else {"seer": self._sight.person_id or ""}),
        )
        return Encoded(page_of(rows, has_cursor=False))


def _lesson(*row: Any) -> FeedLesson:
    (id_, version, state, type_, starts_at, ends_at, zone, *told) = row
    pickup, dropoff, student, instructor, plate = told
    return FeedLesson(
        id=id_,
        version=version,
        state=LessonState(state),
        type=LessonType(type_),
        starts_at=datetime.fromtimestamp(starts_at, UTC),
        ends_at=datetime.fromtimestamp(ends_at, UTC),
        zone=zone,
        pickup=pickup,
        dropoff=dropoff,
        student=student,
        instructor=instructor,
        plate=plate,
    )
