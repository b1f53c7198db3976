"""What happens at the desk, scene by scene; every answer comes over the wire."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from rpcbackend.clock import Clock
from rpcbackend.demo import words
from rpcbackend.demo.chance import ZONE, moment
from rpcbackend.demo.desk import Answer, Backend, DeskError
from rpcbackend.demo.free_time import Free, first_free
from rpcbackend.demo.names import CALLER
from rpcbackend.demo.stage import Stage
from rpcbackend.domain.zones import zone_of
from rpcbackend.schema.base import format_instant

MINUTES = 90
DAYS_AHEAD = 8
"""To look for a free hour in: one working week at least, whatever day it is."""


class Morning:
    """A caller, a booking, a refusal, a cancellation.

    Args:
        backend: Answers.
        stage: Tells.
        clock: Says which day it is.
    """

    def __init__(self, backend: Backend, stage: Stage, clock: Clock) -> None:
        self._backend, self._stage = backend, stage
        today = datetime.fromtimestamp(clock.now_ms() / 1_000, zone_of(ZONE)).date()
        self._days = [today + timedelta(days=ahead) for ahead in range(1, 1 + DAYS_AHEAD)]

    async def play(self, kept_in: Path | None) -> None:
        """Play it all.

        Args:
            kept_in: Where the school will still be afterwards, if anywhere.

        Raises:
            DeskError: An answer was not what the script needs.
        """
        ready = await self._backend.news("system.ready")
        self._stage.open(words.TITLE, words.OPENING.format(pid=ready["pid"]))
        caller = await self._look_up()
        free = await self._look_for_time(caller)
        lesson_id = await self._book(caller, free)
        await self._refuse(caller, free, lesson_id)
        await self._cancel(lesson_id)
        await self._close(kept_in)

    async def _look_up(self) -> dict[str, Any]:
        self._stage.scene(
            "The phone rings",
            f"{' '.join(CALLER)} would like another lesson. The desk asks to hear of every change "
            "from now on, and types a few letters: accents and capitals do not matter.",
        )
        subscribed = await self._ask("events.subscribe", {})
        head_seq = subscribed.result["headSeq"]
        self._stage.answered(f"{head_seq:,} events so far; the next ones will come.", subscribed.ms)
        found = await self._ask("students.list", {"text": "zoe bruck", "state": "active"})
        if not found.result["items"]:
            raise DeskError(f"{' '.join(CALLER)} is no longer a student of this school")
        caller: dict[str, Any] = found.result["items"][0]
        born_on, since = date.fromisoformat(caller["bornOn"]), words.instant(caller["createdAt"])
        self._stage.answered(
            f"{words.name_of(caller)}, born {words.day(born_on)}, here since {words.day(since)}.",
            found.ms,
        )
        return caller

    async def _look_for_time(self, caller: dict[str, Any]) -> Free:
        self._stage.scene(
            "When is there time?",
            f"One question brings {DAYS_AHEAD} days: everybody at her branch, and every vehicle.",
        )
        here = {"branchId": caller["branchId"]}
        vehicles = await self._backend.call("vehicles.list", here | {"state": "active"})
        view = await self._ask(
            "calendar.view",
            {
                "from": format_instant(moment(self._days[0], 0)),
                "to": format_instant(moment(self._days[-1], 23 * 60)),
                "resourceTypes": ["instructor", "vehicle", "student"],
            }
            | here,
        )
        free = first_free(
            view.result,
            student_id=caller["id"],
            vehicle_ids=[v["id"] for v in vehicles.result["items"] if "B" in v["categories"]],
            days=self._days,
            length=timedelta(minutes=MINUTES),
        )
        if free is None:
            raise DeskError("there is no free hour in the days ahead")
        self._stage.answered(
            f"{len(view.result['items']):,} busy times, {view.bytes // 1_000:,} kB. "
            f"Free: {words.time_of(free.span)}, with {free.instructor_name}.",
            view.ms,
        )
        return free

    async def _book(self, caller: dict[str, Any], free: Free) -> str:
        self._stage.scene("A lesson is booked", f"“With {free.instructor_name}? I take that one.”")
        answer = await self._ask("lessons.book", _wish(caller, free, free.span.start))
        lesson_id: str = answer.result["lesson"]["id"]
        self._stage.answered(
            "Booked, and on disk before this answer left: student, instructor and car are busy.",
            answer.ms,
        )
        await self._hear(lesson_id, "every open window draws the lesson.")
        return lesson_id

    async def _refuse(self, caller: dict[str, Any], free: Free, lesson_id: str) -> None:
        other = await self._somebody_else(caller)
        self._stage.scene(
            "Two people, one hour",
            f"At the next desk {words.name_of(other)} asks for the very same hour.",
        )
        refused = await self._ask("lessons.book", _wish(other, free, free.span.start))
        if not refused.is_error:
            raise DeskError("a double booking was not refused")
        error, details = refused.content, refused.content["data"]["details"]
        self._stage.answered(
            f"Refused, {error['data']['code']}: {error['message']}", refused.ms, is_refusal=True
        )
        self._stage.explained(words.in_the_way(details))
        self._stage.explained(words.alternatives(details))
        if details["alternatives"]:
            start = words.instant(details["alternatives"][-1]["startsAt"])
            # A key that no earlier demo in the same store had.
            key = f"desk-2-{lesson_id[-12:]}"
            await self._book_once({"_meta": {"idempotencyKey": key}} | _wish(other, free, start))

    async def _book_once(self, wish: dict[str, Any]) -> None:
        """Take the alternative, and send that again as after a broken line."""
        answer = await self._ask("lessons.book", wish)
        lesson = answer.result["lesson"]
        self._stage.answered(f"{words.hours(words.span_of(lesson))} it is.", answer.ms)
        await self._hear(lesson["id"], "and so everybody knows.")
        self._stage.explained("Was that answer lost? The desk asks again, with the same key:")
        again = await self._ask("lessons.book", wish)
        if again.result["lesson"] != lesson:
            raise DeskError("a repeated booking was booked twice")
        self._stage.answered("The same lesson as before; nothing is booked twice.", again.ms)

    async def _cancel(self, lesson_id: str) -> None:
        self._stage.scene(
            "The phone rings again", f"{CALLER[0]} has caught a cold and cannot come after all."
        )
        params = {"lessonId": lesson_id, "by": "student", "reasonCode": "illness"}
        answer = await self._ask("lessons.cancel", params)
        self._stage.answered(
            f"The lesson is {answer.result['lesson']['state']}; the hour is free for others.",
            answer.ms,
        )
        await self._hear(lesson_id, "every open window takes the lesson out.")

    async def _close(self, kept_in: Path | None) -> None:
        exit_code = await self._backend.end()
        told = words.closing(self._backend.latencies_ms, self._backend.events, exit_code)
        self._stage.close([("In short", told), *_how_to_go_on(kept_in)])

    async def _ask(self, channel: str, params: dict[str, Any]) -> Answer:
        self._stage.sent(channel, params)
        return await self._backend.call(channel, params)

    async def _hear(self, record_id: str, so: str) -> None:
        event = await self._backend.event(record_id)
        self._stage.heard(f"event {event['seq']:,}, {event['type']}: {so}")

    async def _somebody_else(self, caller: dict[str, Any]) -> dict[str, Any]:
        """Find another student of the branch; in a school of one she asks twice herself."""
        wanted = {"branchId": caller["branchId"], "state": "active", "limit": 2}
        page = (await self._backend.call("students.list", wanted)).result
        return next((each for each in page["items"] if each["id"] != caller["id"]), caller)


def _wish(student: dict[str, Any], free: Free, start: datetime) -> dict[str, Any]:
    return {
        "startsAt": format_instant(start),
        "durationMinutes": MINUTES,
        "studentId": student["id"],
        "instructorId": free.instructor_id,
        "vehicleId": free.vehicle_id,
    }


def _how_to_go_on(kept_in: Path | None) -> list[tuple[str, str]]:
    if kept_in is None:
        keep = "this school is gone now; rpcbackend demo --data-dir ./demo-school keeps it"
    else:
        keep = f"the school stays in {kept_in}"
    where = kept_in or "./demo-school"
    return [
        ("Keep it", keep),
        ("Ask it", f'rpcbackend call students.list \'{{"text":"zoe"}}\' --data-dir {where}'),
        ("See it", "make app opens the window itself, on a demo school"),
        ("Read on", "docs/channels.md lists every question; rpcbackend describe prints them"),
    ]
