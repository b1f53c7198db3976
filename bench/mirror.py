"""The mirror beside a plain service of FastAPI and SQLAlchemy: equal requests, taking turns.

Over the demo school: two reads, a week's view, and bookings, each by 16 connections at once. The
mirror runs with its defaults, and once more without kept answers. Prints requests a second, p99 and
their ratios, and how much smaller compression makes a week; draws bench/mirror.png.
"""

import asyncio
import itertools
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import matplotlib as mpl
import orjson

from rpcbackend.demo.seed import seed_directory

mpl.use("Agg")
from matplotlib import pyplot as plt

HERE = Path(__file__).parent
STUDENTS, ROUNDS, AT_ONCE = 560, 5, 16
PASSWORD = "korrekt pferd batterie"  # noqa: S105 (opens a store of this run)
SETTINGS = """
[limits]
query_per_second = 1000000
command_per_second = 1000000
heavy_per_second = 1000

[security.rate_limit]
max = 1000000
"""
KEPT, NOTHING_KEPT, PLAIN = "mirror", "mirror, nothing kept", "FastAPI + SQLAlchemy"
Json = dict[str, Any]
Wanted = tuple[str, Json]


class Target:
    """A server that is measured, and what a caller needs."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, token: str) -> None:
        self.process, self.port, self.token = process, port, token

    def request(self, channel: str, params: Json, **headers: str) -> bytes:
        """Write a request."""
        body = orjson.dumps(params)
        fields = {
            "Host": f"127.0.0.1:{self.port}",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            fields["Authorization"] = f"Bearer {self.token}"
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"POST /api/{channel} HTTP/1.1\r\n{head}\r\n".encode() + body

    async def once(self, channel: str, params: Json, **headers: str) -> bytes:
        """Send one request and return the body of the answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**24)
        writer.write(self.request(channel, params, **headers))
        status, body = await read_answer(reader)
        writer.close()
        assert status == 200, (channel, status, body)  # noqa: PLR2004, S101
        return body

    async def data(self, channel: str, **params: Any) -> Json:
        """Return the data of an answer of the mirror."""
        data: Json = orjson.loads(await self.once(channel, params))["data"]
        return data

    def end(self) -> None:
        """End the process."""
        if self.process.stdin:
            self.process.stdin.close()
        else:
            self.process.terminate()
        self.process.wait()


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read status and body of an answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return int(head[9:12]), await reader.readexactly(length)


def start_mirror(directory: Path, settings: str) -> Target:
    """Serve a copy of the school by the mirror, and sign in."""
    config = directory / "settings.toml"
    config.write_text(settings, encoding="utf-8")
    arguments = ("serve", "--data-dir", str(directory), "--config", str(config))
    process = subprocess.Popen(  # noqa: S603 (ours)
        [sys.executable, "-m", "rpcbackend", *arguments, "--http", "127.0.0.1:0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin  # noqa: S101
    assert process.stdout  # noqa: S101
    process.stdout.readline()

    def ask(channel: str, **params: str) -> Json:
        assert process.stdin  # noqa: S101
        assert process.stdout  # noqa: S101
        message = {"jsonrpc": "2.0", "id": 1, "method": channel, "params": params}
        process.stdin.write(orjson.dumps(message) + b"\n")
        process.stdin.flush()
        result: Json = orjson.loads(process.stdout.readline())["result"]
        return result

    ask("auth.bootstrap", login="ada", password=PASSWORD)
    while (url := ask("system.health")["mirrorUrl"]) is None:
        pass
    target = Target(process, int(url.rpartition(":")[2]), "")
    signed_in = asyncio.run(target.data("auth.login", login="ada", password=PASSWORD))
    target.token = signed_in["accessToken"]
    return target


def start_plain(directory: Path, rows: Json) -> Target:
    """Serve the same rows by the plain service."""
    (directory / "rows.json").write_bytes(orjson.dumps(rows))
    process = subprocess.Popen(  # noqa: S603 (ours)
        [sys.executable, str(HERE / "peers" / "plain_fastapi.py"), str(directory)],
        stdout=subprocess.PIPE,
    )
    assert process.stdout  # noqa: S101
    port, token = (process.stdout.readline().decode().strip() for _ in range(2))
    target = Target(process, int(port), token)
    for _ in range(100):
        try:
            asyncio.run(target.once("students.list", {"limit": 1}))
        except ConnectionError:
            time.sleep(0.1)  # noqa: TID251 (a program of its own, that says no more)
        else:
            return target
    raise RuntimeError("it does not listen")


async def rows_of(school: Target, day: datetime) -> Json:
    """Copy students, and the lessons of two months around a day."""
    students: list[Json] = []
    cursor = None
    while True:
        page = await school.data("students.list", limit=200, cursor=cursor)
        students += page["items"]
        if (cursor := page["nextCursor"]) is None:
            break
    lessons: list[Json] = []
    cursor = None
    span = {"from": text(day - timedelta(days=30)), "to": text(day + timedelta(days=30))}
    while True:
        page = await school.data("lessons.list", **span, limit=200, cursor=cursor)
        lessons += page["items"]
        if (cursor := page["nextCursor"]) is None:
            return {"students": students, "lessons": lessons}


def text(at: datetime) -> str:
    """Write an instant."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


async def load(target: Target, wanted: list[Wanted]) -> tuple[float, list[float], int]:
    """Send requests over some connections; return seconds, each one's, and how many went well."""
    requests = iter([target.request(*each) for each in wanted])
    times: list[float] = []
    well = 0

    async def caller() -> None:
        nonlocal well
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port, limit=2**24)
        for request in requests:
            started = time.perf_counter()
            writer.write(request)
            status, _ = await read_answer(reader)
            times.append(time.perf_counter() - started)
            well += status == 200  # noqa: PLR2004
        writer.close()

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(caller())
    return time.perf_counter() - started, times, well


def bookings(students: list[str], instructors: list[str], day: datetime) -> Iterator[Wanted]:
    """Make up bookings of free times, each one once."""
    first = day + timedelta(days=60)
    learners = itertools.cycle(students)
    for number in itertools.count():
        slot, which = divmod(number, len(instructors))
        yield (
            "lessons.book",
            {
                "studentId": next(learners),
                "instructorId": instructors[which],
                "startsAt": text(first + timedelta(minutes=45 * slot)),
                "durationMinutes": 45,
            },
        )


def measure(
    targets: dict[str, Target], works: dict[str, dict[str, Callable[[], list[Wanted]]]]
) -> dict[str, dict[str, tuple[float, float]]]:
    """Return requests a second and p99 in ms, of each work by each target; they take turns."""
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for work, of_target in works.items():
        rates: dict[str, list[float]] = {name: [] for name in targets}
        tails: dict[str, list[float]] = {name: [] for name in targets}
        for number in range(ROUNDS + 1):
            for name, target in targets.items():
                wanted = of_target[name]()
                seconds, times, well = asyncio.run(load(target, wanted))
                assert well >= 0.9 * len(wanted), (work, name, well)  # noqa: S101
                if number:
                    rates[name].append(len(wanted) / seconds)
                    tails[name].append(statistics.quantiles(times, n=100)[98] * 1e3)
        found[work] = {
            name: (statistics.median(rates[name]), statistics.median(tails[name]))
            for name in targets
        }
    return found


def show(found: dict[str, dict[str, tuple[float, float]]]) -> None:
    """Print and draw it."""
    print(f"\n{'':18}" + "".join(f"{name:>26}" for name in found["students.get"]) + f"{'ratio':>8}")
    for work, of_target in found.items():
        cells = "".join(f"{rate:14,.0f}/s{p99:7.1f} ms" for rate, p99 in of_target.values())
        print(f"{work:18}{cells}{of_target[KEPT][0] / of_target[PLAIN][0]:8.1f}")
    figure, axes = plt.subplots(1, len(found), figsize=(13, 2.4), sharey=True)
    for axis, (work, of_target) in zip(axes, found.items(), strict=True):
        names = list(of_target)[::-1]
        colours = ["#b9b4a7" if name == PLAIN else "#2f6f4f" for name in names]
        bars = axis.barh(names, [of_target[name][0] for name in names], color=colours)
        axis.bar_label(bars, fmt="{:,.0f}", padding=3, fontsize=8)
        axis.set_title(f"{work}, requests/s", fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
        axis.margins(x=0.3)
    figure.tight_layout()
    figure.savefig(HERE / "mirror.png", dpi=90)


async def show_compression(school: Target, view: Json) -> None:
    """Print how long a week's answer is, as it is and compressed."""
    lengths = {
        coding: len(await school.once("calendar.view", view, Accept_Encoding=coding))
        for coding in ("identity", "gzip", "zstd")
    }
    for coding, length in lengths.items():
        saved = 1 - length / lengths["identity"]
        print(f"a week as {coding:9}{length:10,} bytes, {saved:5.1%} saved")


def main() -> None:
    """Seed, serve three times, and measure."""
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    day -= timedelta(days=day.weekday())
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        seed_directory(root / "kept", students=STUDENTS, years=1, seed=1)
        shutil.copytree(root / "kept", root / "not")
        (root / "plain").mkdir()
        kept = start_mirror(root / "kept", SETTINGS)
        rows = asyncio.run(rows_of(kept, day))
        targets = {
            KEPT: kept,
            NOTHING_KEPT: start_mirror(root / "not", SETTINGS + "\n[cache]\nbytes = 0\n"),
            PLAIN: start_plain(root / "plain", rows),
        }
        try:
            run(targets, rows, day)
        finally:
            for target in targets.values():
                target.end()


def run(targets: dict[str, Target], rows: Json, day: datetime) -> None:
    """Measure the works."""
    school = targets[KEPT]
    people = asyncio.run(school.data("instructors.list"))["items"]
    students = [row["id"] for row in rows["students"] if row["state"] == "active"]
    week = {"from": text(day), "to": text(day + timedelta(days=7))}
    free = {name: bookings(students, [person["id"] for person in people], day) for name in targets}
    reads: dict[str, list[Wanted]] = {
        "students.get": [("students.get", {"studentId": each}) for each in (students * 20)[:2_000]],
        "students.list, 50": [("students.list", {"limit": 50})] * 500,
        "calendar, a week": [("calendar.view", week)] * 150,
    }
    works: dict[str, dict[str, Callable[[], list[Wanted]]]] = {
        name: dict.fromkeys(targets, lambda wanted=wanted: wanted) for name, wanted in reads.items()
    }
    works["lessons.book"] = {
        name: lambda name=name: list(itertools.islice(free[name], 400)) for name in targets
    }
    found = measure(targets, works)
    asyncio.run(show_compression(school, week))
    show(found)


if __name__ == "__main__":
    main()
