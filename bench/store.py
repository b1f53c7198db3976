"""What durability costs: group commit, reads while a backup runs, a start after a kill.

Each part compares two ways in one run: absolute figures change with the machine. The store is
encrypted, and on the disk that holds the folder for temporary files.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from rpcbackend.app import Application
from rpcbackend.clock import SystemClock
from rpcbackend.demo.chance import monday_of
from rpcbackend.demo.school import make_school
from rpcbackend.demo.seed import write_school
from rpcbackend.store import Store, Work, open_store, sqlite
from rpcbackend.testing import Client, running_app

KEY = bytes(range(32))
WRITERS, ROUNDS, BOOKINGS = (1, 16, 64), 3, 640
STUDENTS, YEARS = 5_600, 2
"""A store of some 300 MB."""
PAUSE_SECONDS, QUIET_READS = 0.002, 3_000
KILLS = 20


class Desk:
    """A school at which every booking takes the next free five minutes."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._start = datetime.now(UTC).replace(minute=0, second=0) + timedelta(days=1)

    async def open(self) -> "Desk":
        """Make the people."""
        call = self._client.call
        branch = await call("branches.save", name="M", zone="Europe/Berlin", currency="EUR")
        person = {"branchId": branch["id"], "givenName": "G", "familyName": "F"}
        made = await call("students.create", **person, bornOn="2007-01-01")
        self._student = made["student"]["id"]
        instructor = await call(
            "instructors.save", **person, categories=["B"], engagement="employee"
        )
        self._instructor = instructor["id"]
        return self

    async def book(self) -> None:
        """Book a lesson, durably."""
        self._start += timedelta(minutes=5)
        await self._client.call(
            "lessons.book",
            studentId=self._student,
            instructorId=self._instructor,
            startsAt=self._start.strftime("%Y-%m-%dT%H:%M:%SZ"),
            durationMinutes=5,
        )


@asynccontextmanager
async def encrypted_app() -> AsyncIterator[Application]:
    """Run an application over a new encrypted store."""
    with TemporaryDirectory() as folder:
        async with running_app(Path(folder)) as app:
            await app.open_store(KEY)
            yield app


async def bookings_a_second(writers: int, group: int) -> float:
    """Let so many write at once, with so many units to a commit at most."""
    sqlite.GROUP = group
    async with encrypted_app() as app:
        desk = await Desk(Client(app)).open()
        count = BOOKINGS if group > 1 else BOOKINGS // 2

        async def write(number: int) -> None:
            for _ in range(count // writers + (number < count % writers)):
                await desk.book()

        started = time.perf_counter()
        await asyncio.gather(*map(write, range(writers)))
        return count / (time.perf_counter() - started)


async def commits() -> dict[str, Any]:
    """Compare bookings a second with and without group commit, round by round."""
    rates: dict[tuple[int, int], list[float]] = {}
    for _ in range(ROUNDS):
        for writers in WRITERS:
            for group in (1, 64):
                rate = await bookings_a_second(writers, group)
                rates.setdefault((writers, group), []).append(rate)
    print(f"{'writers':>10}{'alone':>10}{'grouped':>10}{'ratio':>8}   bookings a second")
    told = {}
    for writers in WRITERS:
        alone, grouped = (median(rates[writers, group]) for group in (1, 64))
        print(f"{writers:10}{alone:10.0f}{grouped:10.0f}{grouped / alone:8.2f}")
        told[str(writers)] = {"alone": round(alone), "grouped": round(grouped)}
    return told


async def read_ms(store: Store, student_id: str) -> float:
    """Read a student and return how long that took."""

    async def unit(work: Work) -> None:
        await work.students.require_encoded(student_id)

    started = time.perf_counter()
    await store.read(unit)
    return (time.perf_counter() - started) * 1_000


async def reads() -> dict[str, Any]:
    """Compare reads by id while a backup of a large store runs with reads when nothing does."""
    with TemporaryDirectory() as folder:
        store = await open_store(Path(folder), key=KEY)
        today = monday_of(SystemClock())
        school = make_school(students=STUDENTS, years=YEARS, seed=1, today=today)
        await write_school(store, school)
        rows = await store.read(lambda work: work.tx.all("SELECT id FROM students LIMIT 500"))
        students = [row["id"] for row in rows]
        quiet = []
        for turn in range(QUIET_READS):
            quiet.append(await read_ms(store, students[turn % len(students)]))
            await asyncio.sleep(PAUSE_SECONDS)
        started, busy = time.perf_counter(), []
        backup = asyncio.ensure_future(store.backup("manual"))
        while not backup.done():
            busy.append(await read_ms(store, students[len(busy) % len(students)]))
            await asyncio.sleep(PAUSE_SECONDS)
        seconds, size = time.perf_counter() - started, (await backup).bytes / 1e6
        await store.close()
    print(f"\n{'':>10}{'quiet':>10}{'backup':>10}   ms a read; {size:.0f} MB in {seconds:.1f} s")
    told: dict[str, Any] = {"megabytes": round(size), "seconds": round(seconds, 1)}
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        figures = [sorted(each)[int(share * len(each))] for each in (quiet, busy)]
        print(f"{name:>10}{figures[0]:10.2f}{figures[1]:10.2f}")
        told[name] = [round(figure, 3) for figure in figures]
    return told


def start(folder: Path) -> tuple["subprocess.Popen[bytes]", float]:
    """Start a process and return it with the milliseconds until it was ready."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "rpcbackend", "serve", "--data-dir", folder]
    process = subprocess.Popen(  # noqa: S603 (this very program)
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None  # noqa: S101 (it is a pipe)
    process.stdout.readline()
    return process, (time.perf_counter() - began) * 1_000


def recovery() -> dict[str, Any]:
    """Compare the start after a kill amid writes with the start after a clean end."""
    times: dict[str, list[float]] = {"clean": [], "killed": []}
    with TemporaryDirectory() as folder:
        for _ in range(KILLS):
            for name, end in (("killed", signal.SIGKILL), ("clean", signal.SIGTERM)):
                process, ready_ms = start(Path(folder))
                times[name].append(ready_ms)
                write_until_killed(process, end=end)
    # What a start found was left by the one before it.
    figures = {"killed": times["clean"], "clean": times["killed"][1:]}
    print(f"\n{'':>10}{'clean':>10}{'killed':>10}   ms from start to ready")
    told: dict[str, Any] = {}
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        pair = [sorted(figures[each])[int(share * len(figures[each]))] for each in figures]
        told[name] = dict(zip(figures, (round(each) for each in pair), strict=True))
        print(f"{name:>10}{told[name]['clean']:10}{told[name]['killed']:10}")
    return told


def write_until_killed(process: "subprocess.Popen[bytes]", *, end: signal.Signals) -> None:
    """Write branches, and end the process when half of them are acknowledged."""
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 (pipes)
    params = {"name": "M", "zone": "Europe/Berlin", "currency": "EUR"}
    for number in range(200):
        message = {"jsonrpc": "2.0", "id": number, "method": "branches.save", "params": params}
        process.stdin.write(json.dumps(message).encode() + b"\n")
    process.stdin.flush()
    for _ in range(100):
        process.stdout.readline()
    os.kill(process.pid, end)
    process.stdout.read()
    process.wait()


async def main() -> None:
    """Measure all three."""
    told = {"commits": await commits(), "reads": await reads(), "recovery": recovery()}
    if "--json" in sys.argv:
        print(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(main())
