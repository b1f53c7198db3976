"""A real process over raw pipes, written to by threads, looked at through /proc (Linux)."""

import os
import re
import select
import signal
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from tests.e2e.backend import COMMAND, QUIET, TIMEOUT_SECONDS

READ_BYTES = 1024 * 1024

WIDE_BYTES = 1024 * 1024
"""A pipe that holds more than the process reads at once: 256 KiB."""

_THREAD = re.compile(r"^State:\s+(\S).*^voluntary_ctxt_switches:\s+(\d+)", re.MULTILINE | re.DOTALL)


class Memory(NamedTuple):
    """What a process holds, in MiB."""

    resident: int
    peak: int


class Child:
    """A process that speaks the protocol, at the speed of its pipes.

    Args:
        process: Runs, and has unbuffered pipes for stdin and stdout.
        stderr: The file that its stderr goes to.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", stderr: Path) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self._in, self._out = process.stdin, process.stdout
        self._stderr = stderr
        self._feeders: list[threading.Thread] = []
        self.lines = self._read_lines()
        """The lines that come until the end, their ends cut off; each is read once."""
        self.replies: Iterator[Any] = map(orjson.loads, self.lines)
        """The same, decoded."""

    # Pipes

    def feed(self, *chunks: Any) -> None:
        """Write on a thread, after what it was fed before; see `encode`."""
        self.feed_all(map(encode, chunks))

    def feed_all(self, chunks: Iterable[bytes]) -> None:
        """Write on a thread, and make each chunk when its turn has come."""
        before = self._feeders[-1] if self._feeders else None
        feeder = threading.Thread(target=self._feed, args=(chunks, before), daemon=True)
        self._feeders.append(feeder)
        feeder.start()

    def close_stdin(self) -> None:
        """Say that nothing more comes, when all that was fed is written."""
        for feeder in self._feeders:
            feeder.join()
        self._in.close()

    def close_stdout(self) -> None:
        """Stop to read for good."""
        self._out.close()

    def _read_lines(self) -> Iterator[bytes]:
        half = b""
        while chunk := os.read(self._out.fileno(), READ_BYTES):
            *lines, half = (half + chunk).split(b"\n")
            yield from lines
        # Half a line is what a kill may leave, and nothing else.
        assert half == b"" or self.process.returncode == -signal.SIGKILL

    def _feed(self, chunks: Iterable[bytes], before: threading.Thread | None) -> None:
        if before is not None:
            before.join()
        try:
            for chunk in chunks:
                view = memoryview(chunk)
                while view:
                    view = view[os.write(self._in.fileno(), view) :]
        except BrokenPipeError:
            # It ended before it had read everything: what it did answer is for the test to judge.
            return

    # Process

    @property
    def errors(self) -> str:
        """What it has written for people."""
        return self._stderr.read_text(encoding="utf-8")

    def exit_code(self) -> int:
        """Wait for the end."""
        return self.process.wait(TIMEOUT_SECONDS)

    def kill(self) -> None:
        """End it at once, and the threads that write to it."""
        self.process.kill()
        self.process.wait()
        for feeder in self._feeders:
            feeder.join()

    def memory(self) -> Memory:
        """Look at its memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        kib = dict(re.findall(r"^(Vm\w+):\s+(\d+) kB", status, re.MULTILINE))
        return Memory(int(kib["VmRSS"]) // 1024, int(kib["VmHWM"]) // 1024)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep it from running, so that what is fed meanwhile is there at once when it goes on."""
        self.process.send_signal(signal.SIGSTOP)
        while any(state != "T" for state, _ in self._threads()):
            os.sched_yield()
        try:
            yield
            for feeder in self._feeders:
                feeder.join()
        finally:
            self.process.send_signal(signal.SIGCONT)

    def until_it_sleeps(self) -> None:
        """Wait until it has done all that it can do with what it was fed."""
        for feeder in self._feeders:
            feeder.join()
        while not self._is_asleep():
            os.sched_yield()

    def until_it_stops_reading(self) -> None:
        """Wait until it sleeps in front of a full pipe."""
        pipe = select.poll()
        pipe.register(self._in, select.POLLOUT)
        while pipe.poll(0) or not self._is_asleep():
            os.sched_yield()

    def _is_asleep(self) -> bool:
        # A thread that ran between the two looks has been counted when it went to sleep again, so
        # all of them slept at the moment between: nobody was left to wake another.
        first = self._threads()
        return first == self._threads() and all(state == "S" for state, _ in first)

    def _threads(self) -> list[tuple[str, str]]:
        """Return state and number of sleeps of every thread."""
        found = []
        for task in sorted(Path(f"/proc/{self.process.pid}/task").iterdir()):
            match = _THREAD.search((task / "status").read_text(encoding="ascii"))
            assert match is not None
            found.append((match[1], match[2]))
        return found


def encode(message: Any) -> bytes:
    """Make a line of a message; bytes stay as they are."""
    return message if isinstance(message, bytes) else orjson.dumps(message) + b"\n"


def request_id(line: bytes) -> int:
    """Cut the id out of a reply, without looking at what may be megabytes behind it."""
    start = b'{"jsonrpc":"2.0","id":'
    assert line.startswith(start), line[:200]
    return int(line[len(start) : line.index(b",", len(start))])


@contextmanager
def child(
    data_dir: Path,
    *arguments: str,
    program: str | None = None,
    stderr: int | None = None,
    pipe_bytes: int = -1,
    **environment: str,
) -> Iterator[Child]:
    """Run `rpcbackend serve`, or a Python program with the same arguments, until it is up.

    Neither its coverage is measured nor its slow steps: both take memory, and minutes.
    """
    command = COMMAND if program is None else (COMMAND[0], "-c", program)
    unmeasured = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("COVERAGE") and name != "PYTHONASYNCIODEBUG"
    }
    stderr_file = data_dir.parent / f"{data_dir.name}.stderr"
    with (
        stderr_file.open("ab") as errors,
        subprocess.Popen(  # noqa: S603 (our own program)
            [*command, "serve", "--data-dir", str(data_dir), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors if stderr is None else stderr,
            bufsize=0,
            pipesize=pipe_bytes,
            env=unmeasured | QUIET | environment,
        ) as process,
    ):
        started = Child(process, stderr_file)
        try:
            assert next(started.replies)["method"] == "system.ready"
            yield started
        finally:
            started.kill()
