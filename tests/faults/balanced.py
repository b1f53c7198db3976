"""Workers of the mirror behind HAProxy, and desks beside them, started again when they end.

HAProxy runs with `docs/haproxy.cfg`, the very file that an operator copies.
"""

import asyncio
import os
import random
import re
import signal
import socket
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Protocol

import orjson
import trustme

from tests.e2e.backend import COMMAND, INITIALIZE, QUIET
from tests.faults.checker import Checker
from tests.faults.deeds import Deed
from tests.faults.served import WIDE, Backend

HAPROXY = Path("/usr/sbin/haproxy")
EXAMPLE = Path(__file__).parent.parent.parent / "docs" / "haproxy.cfg"
NAMES = ("one", "two", "three", "four")
HOST = "school.example"

LEAVE_SECONDS = 2.0
"""The checks of the example need less than one."""

IN_FLIGHT = 8
"""How many commands wait at a desk of several."""

_SETTINGS = f"""
drain_seconds = 10

[api]
host = "127.0.0.1"
hosts = ["{HOST}"]
trustedProxies = ["127.0.0.1"]
keepAliveSeconds = 20
leaveSeconds = {LEAVE_SECONDS}

[security.rateLimit]
max = 1000000
"""


class Life:
    """A process that is there again whenever it has ended.

    Args:
        name: For whoever reads the failure.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.process: Process | None = None
        self.ends: list[int] = []
        """The exit codes so far."""
        self._is_over = asyncio.Event()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it is there."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.send_signal(number)

    async def wait(self, ends: int) -> None:
        """Wait until it has ended so many times."""
        while len(self.ends) < ends:
            self._is_over.clear()
            await self._is_over.wait()

    def note_end(self, code: int) -> None:
        """Note that it has ended."""
        self.process = None
        self.ends.append(code)
        self._is_over.set()


class Worker(Life):
    """A process of `rpcbackend http`."""

    def __init__(self, name: str, folder: Path, environment: dict[str, str]) -> None:
        super().__init__(name)
        self.port = _free_port()
        self._folder, self._environment = folder / name, environment
        self._config = folder / "settings.toml"
        self._config.write_text(_SETTINGS, encoding="utf-8")

    async def live(self) -> None:
        """Be there until it is cancelled."""
        while True:
            with (self._folder.with_suffix(".stderr")).open("ab") as errors:
                self.process = process = await asyncio.create_subprocess_exec(
                    *(*COMMAND, "http", "--data-dir", str(self._folder), "--log-level", "ERROR"),
                    *("--config", str(self._config), "--bind", f"127.0.0.1:{self.port}"),
                    stdin=DEVNULL,
                    stderr=errors,
                    env=os.environ | WIDE | QUIET | self._environment,
                )
            await _wait(process)
            self.note_end(process.returncode or 0)


class Desk(Life):
    """A process of `rpcbackend serve`, and what is wanted of it."""

    def __init__(
        self, name: str, folder: Path, environment: dict[str, str], checker: Checker
    ) -> None:
        super().__init__(name)
        self._folder, self._environment, self._checker = folder / name, environment, checker
        self._wanted: Iterator[Deed] = iter(())
        """What is still to be sent: a life may end before it has sent what earlier ones left."""

    async def live(self, fresh: Iterator[Deed]) -> None:
        """Be there until all that is wanted is answered."""
        self._wanted = fresh
        while not await self._live():
            self._want_again(self._checker.bury())

    def _want_again(self, failed: Sequence[Deed]) -> None:
        self._wanted = chain(failed, self._wanted)

    async def _live(self) -> bool:
        with (self._folder.with_suffix(".stderr")).open("ab") as errors:
            self.process = process = await asyncio.create_subprocess_exec(
                *(*COMMAND, "serve", "--data-dir", str(self._folder), "--log-level", "ERROR"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env=os.environ | WIDE | QUIET | self._environment,
            )
        try:
            is_done = await self._serve(process)
        except BaseException:
            # A test that fails is not to wait for a desk that nobody asks to end.
            process.kill()
            raise
        finally:
            await _wait(process)
            self.note_end(process.returncode or 0)
        return is_done

    async def _serve(self, process: Process) -> bool:
        """Work until all is answered, or the process is gone."""
        assert process.stdin is not None
        assert process.stdout is not None
        request = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": INITIALIZE}
        process.stdin.write(orjson.dumps(request) + b"\n")
        if not (await process.stdout.readline() and await process.stdout.readline()):
            return False
        backend = Backend(process, self._checker, IN_FLIGHT)
        while True:
            await backend.serve(self._wanted)
            if process.stdout.at_eof():
                return False
            failed = self._checker.bury()
            if not failed:
                return await backend.end() == 0
            self._want_again(failed)


async def _wait(process: Process) -> None:
    """Wait until a process ends; whoever gives up waiting ends it."""
    try:
        await process.wait()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise


class Behind(Protocol):
    """What is behind HAProxy."""

    name: str
    """In the example."""
    port: int


class Balancer:
    """HAProxy before the workers."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self.url = f"https://127.0.0.1:{port}"
        self._processes: list[Process] = []

    async def start(self) -> None:
        """Start it, and wait until it is there; one that is there already lets its callers end.

        That is what a reload does.
        """
        others = [str(process.pid) for process in self._processes]
        gives_way = ["-sf", *others] if others else []
        process = await asyncio.create_subprocess_exec(
            *(str(HAPROXY), "-db", "-f", str(self._folder / "haproxy.cfg"), *gives_way),
            stdout=DEVNULL,
            stderr=DEVNULL,
        )
        self._processes.append(process)
        while not await self._is_there(process):
            assert process.returncode is None, "HAProxy does not take the example"
            await asyncio.sleep(0.01)

    async def _is_there(self, process: Process) -> bool:
        with suppress(OSError):
            return f"Pid: {process.pid}\n" in await self.tell("show info")
        return False

    async def kill(self) -> None:
        """End it at once."""
        for process in self._processes:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def tell(self, command: str) -> str:
        """Send a command as an operator would, and return what it says."""
        reader, writer = await asyncio.open_unix_connection(self._folder / "admin.sock")
        writer.write(f"{command}\n".encode())
        said = (await reader.read()).decode()
        writer.close()
        return said

    async def states(self) -> dict[str, str]:
        """Return what it thinks of each worker."""
        lines = (await self.tell("show stat")).splitlines()
        names = lines[0].removeprefix("# ").split(",")
        rows = [dict(zip(names, line.split(","), strict=False)) for line in lines[1:] if line]
        return {row["svname"]: row["status"] for row in rows if row["svname"] in NAMES}

    async def until(self, *wanted: str, state: str = "UP") -> None:
        """Wait until it thinks this of these workers; it sends requests to those that are UP."""
        while True:
            states = await self.states()
            if all(states[name] == state for name in wanted):
                return
            await asyncio.sleep(0.05)


@asynccontextmanager
async def balancer(
    folder: Path,
    workers: Sequence[Behind],
    trust: trustme.CA,
    *,
    patience: str = "130s",
    smaller: int = 1,
) -> AsyncIterator[Balancer]:
    """Run HAProxy with the example, where no more is changed than an operator would.

    Args:
        folder: For its files.
        workers: Those behind it.
        trust: Signs its certificate.
        patience: How long it waits for an answer, as HAProxy writes it.
        smaller: By what its bounds of connections are divided.
    """
    port, text = _free_port(), EXAMPLE.read_text(encoding="utf-8")
    certificate = folder / "school.pem"
    trust.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
    own = {
        "bind :443": f"bind 127.0.0.1:{port}",
        "/etc/haproxy/school.pem": str(certificate),
        "/run/haproxy/": f"{folder}/",
        "timeout server 130s": f"timeout server {patience}",
    }
    for worker in workers:
        (line,) = re.findall(rf"server {worker.name} \S+", text)
        own[line] = f"server {worker.name} 127.0.0.1:{worker.port}"
    for theirs, ours in own.items():
        assert theirs in text, theirs
        text = text.replace(theirs, ours)
    text = re.sub(r"(?m)^( +maxconn) (\d+)$", lambda m: f"{m[1]} {int(m[2]) // smaller}", text)
    (folder / "haproxy.cfg").write_text(text, encoding="utf-8")
    haproxy = Balancer(folder, port)
    try:
        await haproxy.start()
        yield haproxy
    finally:
        await haproxy.kill()


def _free_port() -> int:
    """Choose one that the system gives to no connection of others, while nobody listens on it."""
    while True:
        port = random.randrange(10_000, 30_000)  # noqa: S311 (no secret)
        with socket.socket() as sock, suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port
