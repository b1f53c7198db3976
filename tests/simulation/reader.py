"""What a client asks for, and what it must be shown: at least what anybody was answered before.

Whoever asks after an acknowledgement sees it (I10), even when another client got it.
"""

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any

from rpcbackend.clock import Clock
from rpcbackend.schema.base import format_instant
from tests.simulation.desk import Desk
from tests.simulation.history import History, ViolationError
from tests.simulation.school import School


class Reader:
    """Asks, and compares.

    Args:
        desk: Its connection.
        history: What was answered to anybody.
        school: Whose time to ask for.
        clock: The wall clock.
        bits: Decide what it asks for.
    """

    def __init__(
        self, desk: Desk, history: History, school: School, *, clock: Clock, bits: random.Random
    ) -> None:
        self._desk, self._history, self._school = desk, history, school
        self._clock, self._bits = clock, bits

    async def look_at(self, result: dict[str, Any]) -> None:
        """Ask for what a command was answered with, or for a list that it is in."""
        if self._bits.random() < 0.5:
            return await self._bits.choice((self.list_lessons, self.view_calendar))()
        record = result.get("lesson") or result.get("student") or result
        if record["id"].startswith("les_"):
            return await self._look_up("lessons.get", "lessonId", record["id"])
        return await self._look_up("students.get", "studentId", record["id"])

    async def look_up_lesson(self) -> None:
        """Ask for a lesson."""
        if self._history.lessons:
            lesson = self._bits.choice(list(self._history.lessons))
            await self._look_up("lessons.get", "lessonId", lesson)

    async def look_up_student(self) -> None:
        """Ask for a student."""
        if self._history.students:
            student = self._bits.choice(self._history.students)
            await self._look_up("students.get", "studentId", student)

    async def list_lessons(self) -> None:
        """Ask for the lessons of an instructor."""
        instructor = self._bits.choice(self._school.instructors)
        known = dict(self._history.versions)
        expected = {
            lesson["id"]
            for lesson in self._history.lessons.values()
            if lesson["instructorId"] == instructor
        }
        params = {"instructorId": instructor, "limit": 200}
        answer = await self._desk.call("lessons.list", params)
        if answer.kind == "result" and answer.result["nextCursor"] is None:
            for lesson in answer.result["items"]:
                self._expect(lesson, known.get(lesson["id"], 0))
            if missing := expected - {lesson["id"] for lesson in answer.result["items"]}:
                raise ViolationError(f"{sorted(missing)} were acknowledged and not listed (I10)")

    async def view_calendar(self) -> None:
        """Ask for everybody's time of these days."""
        now = datetime.fromtimestamp(self._clock.now_ms() / 1_000, UTC).replace(microsecond=0)
        span = {
            "from": format_instant(now - timedelta(days=1)),
            "to": format_instant(now + timedelta(days=3)),
        }
        booked, cancelled = self._known_for_sure(span)
        resources = ["instructor", "vehicle", "student"]
        answer = await self._desk.call("calendar.view", span | {"resourceTypes": resources})
        if answer.kind == "result":
            _check_disjoint(answer.result["items"])
            shown = {item["ownerId"] for item in answer.result["items"]}
            # Somebody may have cancelled them while the question was on its way.
            lacking = {lesson for lesson in booked - shown if lesson not in self._history.cancels}
            if lacking or cancelled & shown:
                raise ViolationError(
                    f"the calendar lacks {lacking}, still shows {cancelled & shown} (I10)"
                )

    async def ping(self) -> None:
        """Ask for nothing."""
        answer = await self._desk.call("ping", {})
        if answer.kind == "none" and not answer.is_retryable:
            raise ViolationError(f"a ping was refused: {answer.symbol}")

    async def _look_up(self, channel: str, name: str, record_id: str) -> None:
        known = self._history.versions[record_id]
        answer = await self._desk.call(channel, {name: record_id})
        if answer.symbol == "NOT_FOUND":
            raise ViolationError(f"{record_id} was acknowledged and is not there (I1)")
        if answer.kind == "result":
            self._expect(answer.result.get("lesson", answer.result), known)

    def _expect(self, record: dict[str, Any], version: int) -> None:
        if record["version"] < version:
            raise ViolationError(
                f"{record['id']} was shown in version {version}, then in {record['version']} (I10)"
            )
        self._history.see(record)

    def _known_for_sure(self, span: dict[str, str]) -> tuple[set[str], set[str]]:
        """Return the lessons that must be shown now, and those that must not."""
        booked, cancelled = set(), set()
        for lesson in self._history.lessons.values():
            cancels = self._history.cancels.get(lesson["id"], [])
            if any(one.must_stand for one in cancels):
                cancelled.add(lesson["id"])
            elif not cancels and span["from"] <= lesson["startsAt"] < span["to"]:
                booked.add(lesson["id"])
        return booked, cancelled


def _check_disjoint(items: Iterable[dict[str, Any]]) -> None:
    resource = itemgetter("resourceType", "resourceId")
    by_start = sorted(items, key=lambda item: (*resource(item), item["startsAt"]))
    for _, claims in groupby(by_start, key=resource):
        for one, other in pairwise(claims):
            if other["startsAt"] < one["endsAt"]:
                raise ViolationError(f"overlapping claims are shown (K1): {one} {other}")
