"""The real process, as a supervisor sees it: lines, signals, an exit code."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson

from rpcbackend import PROTOCOL_VERSION

COMMAND = (sys.executable, "-m", "rpcbackend")
TIMEOUT_SECONDS = 60
MAX_LINE_BYTES = 32 * 1024 * 1024
KEY = "A" * 43
"""32 zero bytes in base64url."""

INITIALIZE = {"protocolVersion": PROTOCOL_VERSION, "client": {"name": "test", "version": "1"}}

QUIET = {"PYTHONASYNCIODEBUG": "", "RPCBACKEND_BACKUPS__DELAY_SECONDS": "3600"}
"""Warnings about slow steps would mix into a stderr that is compared whole, and on a busy machine a
test may take longer than the minute after which the day's backup leaves files and events."""


class Backend:
    """A child process that speaks the protocol."""

    def __init__(self, process: Process, stderr: Path) -> None:
        self._process = process
        self._stderr = stderr

    @classmethod
    async def start(cls, data_dir: Path, *arguments: str, **environment: str) -> "Backend":
        """Run `rpcbackend serve`, its stderr into a file beside the data."""
        stderr = data_dir.parent / f"{data_dir.name}.stderr"
        with stderr.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                *(*COMMAND, "serve", "--data-dir", str(data_dir), *arguments),
                stdin=PIPE,
                stdout=PIPE,
                stderr=errors,
                limit=MAX_LINE_BYTES,
                env=os.environ | QUIET | environment,
            )
        return cls(process, stderr)

    @property
    def stderr(self) -> str:
        """What it has written for people."""
        return self._stderr.read_text(encoding="utf-8")

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def raw_line(self) -> bytes:
        """Return the next line out as it is; nothing at the end."""
        assert self._process.stdout is not None
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await self._process.stdout.readline()

    async def line(self) -> Any:
        """Return the next line out, decoded; None at the end."""
        line = await self.raw_line()
        return orjson.loads(line) if line else None

    async def rest(self) -> list[Any]:
        """Return every line until the end."""
        lines = []
        while (line := await self.line()) is not None:
            lines.append(line)
        return lines

    def send(self, *messages: Any) -> None:
        """Write lines in one go; bytes as they are, everything else as JSON."""
        assert self._process.stdin is not None
        self._process.stdin.write(
            b"".join(
                message if isinstance(message, bytes) else orjson.dumps(message) + b"\n"
                for message in messages
            )
        )

    async def ask(self, *messages: Any) -> Any:
        """Write lines and return the next line out."""
        self.send(*messages)
        return await self.line()

    async def call(self, channel: str, /, **params: Any) -> dict[str, Any]:
        """Call a channel and return its result."""
        reply = await self.ask(
            {"jsonrpc": "2.0", "id": channel, "method": channel, "params": params}
        )
        assert "result" in reply, reply
        result: dict[str, Any] = reply["result"]
        return result

    def close_stdin(self) -> None:
        """Say that nothing more comes."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    async def exit_code(self) -> int:
        """Wait for the end."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await self._process.wait()

    async def end(self) -> int:
        """Close stdin and wait for the end; for processes that a failed test left behind too."""
        self.close_stdin()
        try:
            return await self.exit_code()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
            raise


class Disk:
    """A disk under a data directory, of a size that can be changed; see tests/faults/disk.c."""

    def __init__(self, library: Path, directory: Path) -> None:
        self.directory = directory
        self.environment = {"LD_PRELOAD": str(library), "DISK_FOLDER": str(directory)}
        """Puts a process on it."""

    def hold(self, size: int) -> None:
        """Have so many bytes in all."""
        self._say(str(size))

    def leave(self, room: int) -> None:
        """Have room for so many more bytes."""
        self.hold(sum(file.stat().st_size for file in self.directory.glob("*")) + room)

    def seal(self) -> None:
        """Refuse to be written."""
        self._say("ro")

    def _say(self, what: str) -> None:
        # In one step: it is read at any moment.
        new = self.directory.with_suffix(".new")
        new.write_text(what, encoding="utf-8")
        new.replace(self.directory.with_suffix(".disk"))


Start = Callable[..., Awaitable[Backend]]
"""Starts a process that is up; see the fixture of that name."""


def shown(reply: Any) -> tuple[Any, int, str]:
    """Return what identifies an error reply."""
    return reply["id"], reply["error"]["code"], reply["error"]["data"]["code"]


async def run(*arguments: str, given: bytes = b"", **environment: str) -> tuple[int, bytes, str]:
    """Run a command to its end and return exit code, stdout and stderr."""
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, *arguments),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=os.environ | QUIET | environment,
    )
    async with asyncio.timeout(TIMEOUT_SECONDS):
        out, err = await process.communicate(given)
    assert process.returncode is not None
    return process.returncode, out, err.decode()
