"""What kept answers are worth: each question from memory and without, and a day at the desk.

Over the demo school, in one process, side by side: two applications over copies of one store take
turns. Times are those of whole calls in memory, from the line in to the line out.
"""

import asyncio
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from rpcbackend.app import Application
from rpcbackend.config import CacheSettings
from rpcbackend.demo.seed import seed_directory
from rpcbackend.schema.limits import Limits

STUDENTS, DAY_STEPS, ROUNDS = 560, 3_000, 200
LIMITS = Limits(query_per_second=1_000_000, command_per_second=1_000_000)


class Desk:
    """One application and the connection of its window."""

    is_writable, is_backed_up = True, False

    def __init__(self, directory: Path, cache: CacheSettings) -> None:
        self.app = Application(directory, limits=LIMITS, cache=cache)
        self._line, self._came = b"", asyncio.Event()
        self._server = self.app.connect(self)

    def send(self, line: bytes) -> None:
        """Take a reply."""
        self._line = line
        self._came.set()

    async def writable(self) -> None:
        """Read everything at once."""

    async def call(self, channel: str, params: dict[str, Any]) -> tuple[float, bytes]:
        """Return how many seconds a call took, and its reply."""
        message = {"jsonrpc": "2.0", "id": 1, "method": channel, "params": params}
        line = orjson.dumps(message)
        self._came.clear()
        started = time.perf_counter()
        self._server.receive(line)
        if not self._came.is_set():
            await self._came.wait()
        return time.perf_counter() - started, self._line

    async def result(self, channel: str, **params: Any) -> dict[str, Any]:
        """Return what a call answers."""
        reply = orjson.loads((await self.call(channel, params))[1])
        result: dict[str, Any] = reply["result"]
        return result


def span(start: datetime, days: int) -> dict[str, str]:
    """Return the params of a view."""
    ends = (start, start + timedelta(days=days))
    return dict(zip(("from", "to"), (f"{end:%Y-%m-%dT%H:%M:%SZ}" for end in ends), strict=True))


async def look_at_each(desks: dict[str, Desk], day: datetime) -> None:
    """Print each question, without and from memory."""
    some = next(iter(desks.values()))
    student = (await some.result("students.list", limit=1))["items"][0]["id"]
    lesson = (await some.result("lessons.list", limit=1))["items"][0]["id"]
    questions: dict[str, tuple[str, dict[str, Any]]] = {
        "ping": ("ping", {}),
        "students.get": ("students.get", {"studentId": student}),
        "students.list, 50": ("students.list", {"limit": 50}),
        "students.list, by text": ("students.list", {"text": "an", "limit": 20}),
        "lessons.get": ("lessons.get", {"lessonId": lesson}),
        "lessons.list, 50": ("lessons.list", {"limit": 50}),
        "calendar.view, a day": ("calendar.view", span(day, 1)),
        "calendar.view, a week": ("calendar.view", span(day, 7)),
        "calendar.view, a month": ("calendar.view", span(day, 31)),
        "instructors.list": ("instructors.list", {}),
    }
    print(f"{'':26}{'without us':>12}{'kept us':>12}{'ratio':>8}{'KiB':>8}")
    for name, (channel, params) in questions.items():
        times: dict[str, list[float]] = {which: [] for which in desks}
        size = 0
        for number in range(ROUNDS):
            for which, desk in desks.items():
                seconds, reply = await desk.call(channel, params)
                size = len(reply)
                if number > 1:
                    times[which].append(seconds * 1e6)
        without, kept = (statistics.median(each) for each in times.values())
        ratio = without / kept
        print(f"{name:26}{without:12.1f}{kept:12.1f}{ratio:8.1f}{size / 1024:8.1f}")


def day_at_the_desk(
    students: list[str], people: list[str], day: datetime
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Make up what a window asks: mostly this week and a few students, and one write in twenty."""
    chance = random.Random(1)  # noqa: S311 (a made-up day)
    often = students[:40]
    for _ in range(DAY_STEPS):
        student = chance.choice(often if chance.random() < 0.8 else students)  # noqa: PLR2004 (most)
        which = chance.random()
        if which < 0.05:  # noqa: PLR2004 (one in twenty)
            at = day + timedelta(minutes=15 * chance.randrange(7 * 96))
            booking = {"studentId": student, "instructorId": chance.choice(people)}
            yield (
                "lessons.book",
                booking | {"startsAt": f"{at:%Y-%m-%dT%H:%M:%SZ}", "durationMinutes": 45},
            )
        elif which < 0.40:  # noqa: PLR2004 (a third)
            yield "calendar.view", span(day, chance.choice([1, 7, 7]))
        elif which < 0.60:  # noqa: PLR2004 (a fifth)
            yield "students.get", {"studentId": student}
        elif which < 0.75:  # noqa: PLR2004
            yield "lessons.list", {"studentId": student, "limit": 20}
        elif which < 0.85:  # noqa: PLR2004
            yield "students.list", {"text": chance.choice(["an", "mar", "le", "so"]), "limit": 20}
        else:
            channels = ["instructors.list", "vehicles.list", "branches.list"]
            yield chance.choice(channels), {}


async def spend_a_day(desks: dict[str, Desk], day: datetime) -> None:
    """Print what the same day costs at each desk."""
    some = next(iter(desks.values()))
    students = [each["id"] for each in (await some.result("students.list", limit=200))["items"]]
    people = [each["id"] for each in (await some.result("instructors.list"))["items"]]
    totals = dict.fromkeys(desks, 0.0)
    cpu = dict.fromkeys(desks, 0.0)
    before = desks["kept"].app.caching.answers.figures()  # type: ignore[union-attr]  # it keeps some
    for channel, params in day_at_the_desk(students, people, day):
        for which, desk in desks.items():
            started = time.process_time()
            seconds, _ = await desk.call(channel, params)
            if channel != "lessons.book":
                totals[which] += seconds
                cpu[which] += time.process_time() - started
    after = desks["kept"].app.caching.answers.figures()  # type: ignore[union-attr]
    hits, misses = after.hits - before.hits, after.misses - before.misses
    print(f"\na day of {DAY_STEPS} calls, one in twenty a booking: {hits} hits, {misses} misses")
    print(
        f"hit rate {hits / (hits + misses):.0%}, {after.answers} answers in {after.bytes:,} bytes"
    )
    for which in desks:
        print(f"{which:10}{totals[which] * 1e3:10.1f} ms in queries{cpu[which] * 1e3:10.1f} ms CPU")


async def start_warm(directory: Path, day: datetime) -> None:
    """Print what the first view of a process costs, with and without what was noted."""
    for name, cache in (
        ("cold", CacheSettings(warm=False)),
        ("warm", CacheSettings()),
        ("warm", CacheSettings()),
    ):
        desk = Desk(directory, cache)
        await desk.app.boot()
        if desk.app.caching.warmer is not None:
            await desk.app.caching.warmer.ready.wait()
        seconds, _ = await desk.call("calendar.view", span(day, 7))
        seconds_day, _ = await desk.call("calendar.view", span(day, 1))
        print(f"{name}: first week {seconds * 1e3:.2f} ms, first day {seconds_day * 1e3:.2f} ms")
        await desk.app.close()


async def main(folder: Path) -> None:
    """Measure all of it."""
    shutil.copytree(folder / "without", folder / "kept")
    now = datetime.now(UTC)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    desks = {
        "without": Desk(folder / "without", CacheSettings(bytes=0)),
        "kept": Desk(folder / "kept", CacheSettings(warm=False)),
    }
    for desk in desks.values():
        await desk.app.boot()
    await look_at_each(desks, day)
    await spend_a_day(desks, day)
    for desk in desks.values():
        await desk.app.close()
    print()
    await start_warm(folder / "kept", day)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        if seed_directory(Path(name) / "without", students=STUDENTS, years=1, seed=1):
            sys.exit("the demo school could not be made")
        asyncio.run(main(Path(name)))
