"""What a search for slots costs: 14 days of 12 instructors and 12 vehicles in a large school.

Whole calls in one process, the store encrypted, on the disk that holds the folder for temporary
files. Cold is the first search after the store was opened, warm any other one.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rpcbackend import PROTOCOL_VERSION
from rpcbackend.clock import SystemClock
from rpcbackend.demo.chance import monday_of
from rpcbackend.demo.school import make_school
from rpcbackend.demo.seed import write_school
from rpcbackend.schema.base import format_instant
from rpcbackend.store import open_store
from rpcbackend.testing import Client, running_app

KEY, DATABASE_KEY = bytes(32), "A" * 43
STUDENTS, YEARS = 2_800, 2
COLD, WARM = 30, 300
MINUTES, LIMIT = (45, 90), 500


async def people(client: Client) -> dict[str, list[str]]:
    """Return the ids of who could take part."""
    return {
        area: [
            each["id"]
            for each in (await client.call(f"{area}.list", state="active", **more))["items"]
        ]
        for area, more in (("instructors", {}), ("vehicles", {}), ("students", {"limit": 50}))
    }


def search(who: dict[str, list[str]], turn: int) -> dict[str, Any]:
    """Make the params of a search, another one each turn."""
    tomorrow = datetime.now(UTC) + timedelta(days=1 + turn % 5)
    return {
        "from": format_instant(tomorrow),
        "to": format_instant(tomorrow + timedelta(days=14)),
        "durationMinutes": MINUTES[turn % 2],
        "studentId": who["students"][turn % 50],
        "instructorIds": who["instructors"][turn % 10 :][:12],
        "vehicleIds": who["vehicles"][turn % 10 :][:12],
        "limit": LIMIT,
    }


async def times(folder: Path, turns: range) -> list[float]:
    """Open the store and return how many milliseconds each search took."""
    took = []
    async with running_app(folder) as app:
        client = Client(app)
        await client.call(
            "initialize",
            protocolVersion=PROTOCOL_VERSION,
            client={"name": "bench", "version": "1"},
            databaseKey=DATABASE_KEY,
        )
        who = await people(client)
        for turn in turns:
            params = search(who, turn)
            began = time.perf_counter()
            page = await client.call("lessons.searchSlots", **params)
            took.append((time.perf_counter() - began) * 1_000)
            assert len(page["items"]) == LIMIT  # noqa: S101 (a full page, or it would say too much)
    return took


async def main() -> None:
    """Measure both."""
    school = make_school(students=STUDENTS, years=YEARS, seed=1, today=monday_of(SystemClock()))
    with TemporaryDirectory() as name:
        folder = Path(name)
        store = await open_store(folder, key=KEY)
        await write_school(store, school)
        await store.close()
        figures = {
            "cold": [(await times(folder, range(turn, turn + 1)))[0] for turn in range(COLD)],
            "warm": await times(folder, range(WARM)),
        }
    print(f"{'':>10}{'p50':>10}{'p95':>10}   ms a search, of the first {LIMIT} slots")
    for kind, took in figures.items():
        p50, p95 = (sorted(took)[int(share * len(took))] for share in (0.5, 0.95))
        print(f"{kind:>10}{p50:10.1f}{p95:10.1f}")


if __name__ == "__main__":
    asyncio.run(main())
