"""What recording costs a call: the same calls with and without, side by side.

`python bench/recording.py` prints microseconds a call, of the loop's own thread and in all.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from rpcbackend.app import Application
from rpcbackend.clock import SystemClock
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, running_app
from rpcbackend.transcripts.recorder import Recorder
from tests.factories import School

ROUNDS, CALLS = 15, 400


async def once(app: Application, line: bytes) -> tuple[float, float]:
    """Send a line many times, one after the other, and return the time of thread and wall."""
    replies: asyncio.Queue[bytes] = asyncio.Queue()

    class Sink:
        is_writable, is_backed_up = True, False

        def send(self, reply: bytes) -> None:
            replies.put_nowait(reply)

        async def writable(self) -> None:
            """Read everything at once."""

    server = app.connect(Sink())
    cpu, wall = time.thread_time(), time.perf_counter()
    for _ in range(CALLS):
        server.receive(line)
        await replies.get()
    return (
        (time.thread_time() - cpu) / CALLS * 1e6,
        (time.perf_counter() - wall) / CALLS * 1e6,
    )


async def main() -> None:
    """Compare ping, a read and a write."""
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(Path(folder) / "transcript.jsonl", SystemClock())
        async with (
            running_app(Path(folder) / "off") as off,
            running_app(Path(folder) / "on", Surroundings(tap=recorder)) as on,
        ):
            lines = {}
            for app in (off, on):
                client = Client(app)
                school = School(client)
                await school.open()
                lines[app] = {
                    "ping": b'{"jsonrpc":"2.0","id":1,"method":"ping"}',
                    "students.get": b'{"jsonrpc":"2.0","id":1,"method":"students.get",'
                    b'"params":{"studentId":"%b"}}' % school.student["id"].encode(),
                    "students.update": b'{"jsonrpc":"2.0","id":1,"method":"students.update",'
                    b'"params":{"studentId":"%b","givenName":"Ada"}}'
                    % school.student["id"].encode(),
                }
            for channel in lines[off]:
                times: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
                for _ in range(ROUNDS):
                    for is_on, app in ((False, off), (True, on)):
                        times[is_on].append(await once(app, lines[app][channel]))
                        # What one round left to the thread is none of the next one's.
                        await asyncio.sleep(0.3)
                cpu, wall = (
                    [median(each[index] for each in times[is_on]) for is_on in (False, True)]
                    for index in (0, 1)
                )
                print(
                    f"{channel:<16} loop {cpu[0]:7.1f} -> {cpu[1]:7.1f} µs ({cpu[1] - cpu[0]:+.1f})"
                    f"   wall {wall[0]:7.1f} -> {wall[1]:7.1f} µs ({wall[1] - wall[0]:+.1f})"
                )
        recorder.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
