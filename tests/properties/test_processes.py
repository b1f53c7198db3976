"""Rules K1 and K3 when several processes share one database: SQLite alone keeps the peace."""

import asyncio
import multiprocessing
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any

from rpcbackend.schema.base import format_instant
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, FrozenClock, running_app
from tests.factories import (
    NINE,
    at,
    create_student,
    save_branch,
    save_instructor,
    save_vehicle,
)
from tests.properties.booker import SECONDS, book_all
from tests.properties.test_claims import look, overlapping

PROCESSES = 4
SLOTS = 150
SHARED = ("instructor", "vehicle", "student")
"""In turn, what the four bookings of a slot have in common; nothing else do they share."""


async def test_of_four_processes_that_book_the_same_slot_exactly_one_gets_it(
    tmp_path: Path,
) -> None:
    async with running_app(tmp_path, Surroundings(clock=FrozenClock())) as app:
        bookings = await make_bookings(Client(app))

    ends = await asyncio.to_thread(run_processes, tmp_path, bookings)

    booked = [end.pop("booked", []) for end in ends]
    report = f"booked by each process: {[len(numbers) for numbers in booked]}"
    assert sorted(chain(*booked)) == list(range(SLOTS)), report
    assert sum(1 for numbers in booked if numbers) > 1, f"they never collided; {report}"
    for won, lost in zip(booked, ends, strict=True):
        assert lost == losses_without(won), report
    async with running_app(tmp_path, Surroundings(clock=FrozenClock())) as app:
        await app.open_store()
        claims, of_lessons, lessons, events = await app.store.read(look)
    assert len(lessons) == SLOTS, report
    assert sorted(claims) == sorted(of_lessons), "every winner has its three claims"
    assert len(claims) == 3 * SLOTS, report
    assert overlapping(claims) == [], report
    assert [seq for seq, _, _ in events] == list(range(1, len(events) + 1))
    assert sum(1 for event in events if event[1] == "lessons.booked") == SLOTS, report


def losses_without(won: list[int]) -> dict[str, list[int]]:
    """Tell which refusals a process must have met for the slots that it did not get."""
    lost: dict[str, list[int]] = {}
    for number in range(SLOTS):
        if number not in won:
            symbol = f"CONFLICT_{SHARED[number % len(SHARED)].upper()}"
            lost.setdefault(symbol, []).append(number)
    return lost


async def make_bookings(client: Client) -> list[list[dict[str, Any]]]:
    """Make the people, and for each process the params of all its bookings."""
    branch = (await save_branch(client))["id"]
    # Number 0 is the one that all processes want.
    everybody = [
        {
            "instructor": (await save_instructor(client, branch))["id"],
            "vehicle": (await save_vehicle(client, branch, plate=f"B-FS {number}"))["id"],
            "student": (await create_student(client, branch))["id"],
        }
        for number in range(PROCESSES + 1)
    ]
    return [
        [
            {
                f"{kind}Id": everybody[0 if kind == SHARED[slot % len(SHARED)] else process][kind]
                for kind in SHARED
            }
            | {
                "startsAt": format_instant(at(NINE) + timedelta(hours=slot)),
                "durationMinutes": 60,
            }
            for slot in range(SLOTS)
        ]
        for process in range(1, PROCESSES + 1)
    ]


def run_processes(directory: Path, bookings: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Run one process for each list of bookings and return how theirs ended."""
    spawn = multiprocessing.get_context("spawn")
    barrier, ends = spawn.Barrier(PROCESSES), spawn.Queue()
    processes = [
        spawn.Process(target=book_all, args=(directory, number, mine, barrier, ends))
        for number, mine in enumerate(bookings)
    ]
    for process in processes:
        process.start()
    try:
        ended = dict(ends.get(timeout=SECONDS) for _ in processes)
    finally:
        for process in processes:
            process.join(SECONDS)
            process.kill()
    return [ended[number] for number in range(PROCESSES)]
