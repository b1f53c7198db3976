"""What more processes and a database far away change, on a PostgreSQL server of this machine.

Three parts, each by its name as an argument, all without one:

- `workers`: requests a second and p99 of 1, 2 and 4 workers of the mirror under mixed traffic (of
  ten calls one books), which serve one school, or a school each. Draws docs/scaling.png.
- `distance`: how long a desk waits for an answer, the server 0 to 50 ms away, and of a file.
- `groups`: bookings a second by how many may share a commit (docs/adr/0051).

With fsync, in the folder for temporary files. Takes two to three minutes.
"""

import asyncio
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import asyncpg
import orjson

from rpcbackend import PROTOCOL_VERSION
from rpcbackend.schema.limits import Limits
from rpcbackend.store import Place, postgres_writer
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, running_app

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from desks import LOGIN, Call, Json, School, fill, p, school_at  # noqa: E402 (beside this file)

from tests.postgres import Cluster  # noqa: E402 (they start a server too)

SECONDS, AT_ONCE, WORKERS = 5.0, 16, (1, 2, 4)
DELAYS_MS = (0, 1, 10, 50)
GROUPS, IN_FLIGHT, GROUP_SECONDS, ROUNDS = (1, 16, 64), (1, 16, 64), 2.0, 3
CALLS, PATIENCE_SECONDS, CALLS_AT_LEAST = 300, 3.0, 30
WIDE = {
    "RPCBACKEND_LIMITS__COMMAND_PER_SECOND": "1000000",
    "RPCBACKEND_LIMITS__QUERY_PER_SECOND": "1000000",
    "RPCBACKEND_SECURITY__RATE_LIMIT__MAX": "1000000",
    "RPCBACKEND_LOG__LEVEL": "ERROR",
}


# Workers


class Worker:
    """A worker of the mirror that serves one school."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, school: School) -> None:
        self.process, self.port, self.school = process, port, school
        self.token = ""

    async def ask(self, wanted: Iterator[Call], until: float, times: list[float]) -> int:
        """Ask over one connection as long as there is time; return how many went wrong."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**24)
        wrong = 0
        for channel, params in wanted:
            started = time.perf_counter()
            if started >= until:
                break
            writer.write(self._request(channel, params))
            status, _ = await read_answer(reader)
            times.append(time.perf_counter() - started)
            wrong += status != 200  # noqa: PLR2004
        writer.close()
        return wrong

    async def sign_in(self) -> None:
        """Get a token."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(self._request("auth.login", LOGIN))
        status, body = await read_answer(reader)
        writer.close()
        assert status == 200, body  # noqa: PLR2004, S101
        self.token = orjson.loads(body)["data"]["accessToken"]

    def _request(self, channel: str, params: Json) -> bytes:
        body = orjson.dumps(params)
        proof = f"Authorization: Bearer {self.token}\r\n" if self.token else ""
        head = (
            f"POST /api/{channel} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{proof}"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read status and body of an answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return int(head[9:12]), await reader.readexactly(length)


async def start_worker(folder: Path, url: str, number: int, school: School) -> Worker:
    """Start one, and wait until it listens."""
    environment = {
        "RPCBACKEND_DATABASE__URL": url,
        "RPCBACKEND_DATABASE__SCHOOL": str(number),
        "RPCBACKEND_LOG__LEVEL": "INFO",
    }
    process = subprocess.Popen(  # noqa: S603, ASYNC220 (ours)
        [sys.executable, "-m", "rpcbackend", "http", "--data-dir", folder, "--bind", "127.0.0.1:0"],
        env=os.environ | WIDE | environment,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        worker = Worker(process, await asyncio.to_thread(port_of, process), school)
        await worker.sign_in()
    except BaseException:
        process.kill()
        raise
    return worker


def port_of(process: subprocess.Popen[bytes]) -> int:
    """Return the port that the log tells."""
    assert process.stderr  # noqa: S101
    for line in process.stderr:
        if found := re.search(rb"http://[0-9.]+:([0-9]+)", line):
            return int(found[1])
    raise RuntimeError("it ended")


async def count_rows(url: str) -> None:
    """Let the server learn what is in its tables, as it does by itself within a minute."""
    connection = await asyncpg.connect(url)
    await connection.execute("ANALYZE")
    await connection.close()


async def load(workers: list[Worker]) -> tuple[float, float]:
    """Let all connections ask for a while; return requests a second, and p99 in ms."""
    times: list[float] = []
    wanted = {id(each.school): each.school.mixed() for each in workers}
    started = time.perf_counter()
    asked = []
    for number in range(AT_ONCE):
        worker = workers[number % len(workers)]
        asked.append(worker.ask(wanted[id(worker.school)], started + SECONDS, times))
    wrong = sum(await asyncio.gather(*asked))
    # A refusal is quick, and would look like speed.
    assert not wrong, f"{wrong} of {len(times)} went wrong"  # noqa: S101
    return len(times) / (time.perf_counter() - started), p(times, 99)


async def measure_workers(cluster: Cluster, folder: Path) -> None:
    """Measure, print and draw."""
    url = cluster.create()
    schools = [await school_at(Place(url=url, school=number)) for number in range(1, 5)]
    await count_rows(url)
    found: dict[str, list[tuple[float, float]]] = {"one school": [], "a school each": []}
    for kind, figures in found.items():
        for count in WORKERS:
            async with AsyncExitStack() as stack:
                workers = []
                for number in range(count):
                    which = number if kind == "a school each" else 0
                    directory = folder / f"{kind[0]}-{count}-{number}"
                    worker = await start_worker(directory, url, which + 1, schools[which])
                    stack.callback(worker.process.wait)
                    stack.callback(worker.process.terminate)
                    workers.append(worker)
                figures.append(await load(workers))
                print(
                    f"{kind:14}{count} workers{figures[-1][0]:8,.0f}/s{figures[-1][1]:8.0f} ms p99"
                )
    draw(found)


def draw(found: dict[str, list[tuple[float, float]]]) -> None:
    """Draw it."""
    import matplotlib as mpl  # noqa: PLC0415 (the other parts do without)

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 (as above)

    figure, axes = plt.subplots(1, 2, figsize=(9, 2.8))
    colours = {"one school": "#2f6f4f", "a school each": "#b9b4a7"}
    for axis, which, title in ((axes[0], 0, "requests/s"), (axes[1], 1, "p99, ms")):
        for place, (kind, figures) in enumerate(found.items()):
            spots = [number + 0.38 * place for number in range(len(WORKERS))]
            values = [each[which] for each in figures]
            bars = axis.bar(spots, values, 0.36, color=colours[kind], label=kind)
            axis.bar_label(bars, fmt="{:,.0f}", padding=2, fontsize=8)
        axis.set_xticks([number + 0.19 for number in range(len(WORKERS))])
        axis.set_xticklabels([f"{each} worker{'s' * (each > 1)}" for each in WORKERS])
        axis.set_title(title, fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
        axis.margins(y=0.2)
    axes[1].legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    figure.tight_layout()
    figure.savefig(HERE.parent / "docs" / "scaling.png", dpi=110)


# Distance


@asynccontextmanager
async def far_away(cluster: Cluster, delay_seconds: float) -> AsyncIterator[int]:
    """Give a port that leads to the server, by a way that takes half of this in each direction."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while some := await reader.read(2**16):
            loop.call_later(delay_seconds / 2, writer.write, some)
        loop.call_later(delay_seconds / 2, writer.close)

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_unix_connection(cluster.folder / ".s.PGSQL.5432")
        with suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(carry(reader, there[1]), carry(there[0], writer))

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class Desk:
    """A process on its pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, channel: str, params: Json) -> Json:
        """Ask and wait for the answer."""
        assert self._process.stdin  # noqa: S101
        assert self._process.stdout  # noqa: S101
        message = {"jsonrpc": "2.0", "id": 1, "method": channel, "params": params}
        self._process.stdin.write(orjson.dumps(message) + b"\n")
        while True:
            reply: Json = orjson.loads(await self._process.stdout.readline())
            if "id" in reply:
                assert "result" in reply, reply  # noqa: S101
                result: Json = reply["result"]
                return result

    async def measure(self, make: Callable[[], Call]) -> list[float]:
        """Call one after the other, and return how long each took."""
        times: list[float] = []
        started = time.perf_counter()
        while len(times) < CALLS and (
            len(times) < CALLS_AT_LEAST or time.perf_counter() - started < PATIENCE_SECONDS
        ):
            call = make()
            began = time.perf_counter()
            await self.ask(*call)
            times.append(time.perf_counter() - began)
        # The first prepare statements, on each connection.
        return times[5:]


@asynccontextmanager
async def desk_at(directory: Path, url: str) -> AsyncIterator[Desk]:
    """Start a desk."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rpcbackend", "serve", "--data-dir", str(directory)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | WIDE | ({"RPCBACKEND_DATABASE__URL": url} if url else {}),
        limit=2**24,
    )
    desk = Desk(process)
    client = {"name": "bench", "version": "1"}
    await desk.ask("initialize", {"protocolVersion": PROTOCOL_VERSION, "client": client})
    await desk.ask("auth.login", LOGIN)
    try:
        yield desk
    finally:
        assert process.stdin  # noqa: S101
        process.stdin.close()
        await process.wait()


async def measure_distance(cluster: Cluster, folder: Path) -> None:
    """Measure and print."""
    await show(folder / "file", "", await school_at(None, folder / "file"), "a file")
    url = cluster.create()
    database = urlsplit(url).path
    school = await school_at(Place(url=url))
    await count_rows(url)
    for delay in DELAYS_MS:
        async with far_away(cluster, delay / 1e3) as port:
            there = f"postgresql://postgres@127.0.0.1:{port}{database}"
            await show(folder / f"far-{delay}", there, school, f"{delay} ms")


async def show(directory: Path, url: str, school: School, name: str) -> None:
    """Print a line of the table."""
    async with desk_at(directory, url) as desk:
        cells = []
        for make in (school.get, school.view, school.book):
            times = await desk.measure(make)
            cells.append(f"{p(times, 50):9.1f} · {p(times, 99):5.1f}")
    print(f"{name:>8}" + "".join(f"{cell:>20}" for cell in cells) + "   (p50 · p99, ms)")


# Groups


async def measure_groups(cluster: Cluster, _: Path) -> None:
    """Measure in turns, for the machine is not the same all the time; print medians and spread."""
    rates: dict[tuple[int, int], list[float]] = {}
    for _round in range(ROUNDS):
        for most in GROUPS:
            postgres_writer.GROUP = most
            place = Place(url=cluster.create())
            limits = Limits(command_per_second=1_000_000, command_ms=60_000)
            async with running_app(surroundings=Surroundings(place=place), limits=limits) as app:
                await app.open_store()
                client = Client(app)
                school = await fill(client, has_owner=False)
                for at_once in IN_FLIGHT:
                    rate = await book(client, school, at_once)
                    rates.setdefault((most, at_once), []).append(rate)
    for (most, at_once), some in rates.items():
        middle = statistics.median(some)
        spread = f"{min(some):.0f} to {max(some):.0f}"
        print(f"groups of {most:2}, {at_once:2} in flight:{middle:6.0f} bookings/s ({spread})")


async def book(client: Client, school: School, at_once: int) -> float:
    """Book for a while, and return how many a second."""
    done, started = 0, time.perf_counter()

    async def one_after_the_other() -> None:
        nonlocal done
        while time.perf_counter() - started < GROUP_SECONDS:
            channel, params = school.book()
            reply = await client.start(channel, params)
            assert "result" in reply, reply  # noqa: S101
            done += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(one_after_the_other())
    return done / (time.perf_counter() - started)


PARTS: dict[str, Callable[[Cluster, Path], Awaitable[None]]] = {
    "workers": measure_workers,
    "distance": measure_distance,
    "groups": measure_groups,
}


async def main() -> None:
    """Do what is asked for."""
    cluster = Cluster(
        fsync="on", synchronous_commit="on", full_page_writes="on", shared_buffers="256MB"
    )
    try:
        with TemporaryDirectory() as folder:
            for name in sys.argv[1:] or PARTS:
                await PARTS[name](cluster, Path(folder))
    finally:
        cluster.stop()


if __name__ == "__main__":
    asyncio.run(main())
