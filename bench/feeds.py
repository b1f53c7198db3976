"""What a calendar feed costs: a year of one instructor, as a calendar program asks for it.

Whole calls in one process, the store encrypted, on the disk that holds the folder for temporary
files; and what the library of that name takes to write the same.
"""

import asyncio
import time
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

import icalendar

from rpcbackend import PROTOCOL_VERSION
from rpcbackend.clock import SystemClock
from rpcbackend.demo.chance import monday_of
from rpcbackend.demo.school import make_school
from rpcbackend.demo.seed import write_school
from rpcbackend.store import open_store
from rpcbackend.testing import Client, running_app

KEY, DATABASE_KEY = bytes(32), "A" * 43
STUDENTS, YEARS, READS = 560, 1, 40


async def ask(folder: Path) -> tuple[list[float], list[float], str]:
    """Return how many milliseconds each read took, of the processor too, and the longest text."""
    async with running_app(folder) as app:
        client = Client(app)
        await client.call(
            "initialize",
            protocolVersion=PROTOCOL_VERSION,
            client={"name": "bench", "version": "1"},
            databaseKey=DATABASE_KEY,
        )
        calendars = []
        for each in (await client.call("instructors.list"))["items"]:
            made = await client.call(
                "feeds.create",
                kind="instructor",
                ownerId=each["id"],
                detail="full",
                pastDays=366,
                futureDays=366,
            )
            text = (await client.call("feeds.read", token=made["token"]))["ical"]
            calendars.append((len(text), made["token"], text))
        _, token, text = max(calendars)
        took, worked = [], []
        for _ in range(READS):
            before, idle = time.perf_counter(), time.process_time()
            await client.call("feeds.read", token=token)
            took.append((time.perf_counter() - before) * 1_000)
            worked.append((time.process_time() - idle) * 1_000)
    return took, worked, text


def write_by_library(text: str) -> float:
    """Return how many milliseconds the library takes to write the same calendar."""
    calendar = icalendar.Calendar.from_ical(text)
    before = time.perf_counter()
    calendar.to_ical()
    return (time.perf_counter() - before) * 1_000


async def main() -> None:
    """Seed a school, read its busiest calendar, and print the figures."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        store = await open_store(folder, key=KEY)
        school = make_school(students=STUDENTS, years=YEARS, seed=1, today=monday_of(SystemClock()))
        await write_school(store, school)
        await store.close()
        took, worked, text = await ask(folder)
    p95 = quantiles(took, n=20)[-1]
    lessons, size = text.count("BEGIN:VEVENT"), len(text) // 1024
    print(f"{lessons} lessons, {size} KiB: p50 {median(took):.1f} ms, p95 {p95:.1f} ms")
    print(f"of the processor: p50 {median(worked):.1f} ms")
    print(f"the library writes them in {write_by_library(text):.0f} ms")


if __name__ == "__main__":
    asyncio.run(main())
