"""Write down what goes over the wire: the loop hands over lines, a thread does all the rest.

Nothing here ever holds up a call. When the thread or the disk cannot keep up, messages are dropped
and counted, and an entry stands in their place.
"""

import os
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from rpcbackend import __version__
from rpcbackend.clock import Clock
from rpcbackend.contract.shipped import contract_hash
from rpcbackend.moments import Moment
from rpcbackend.protocol import codec
from rpcbackend.schema.base import WireModel
from rpcbackend.schema.steps import StepName
from rpcbackend.steps import Begun
from rpcbackend.store.migrations import latest_version
from rpcbackend.transcripts.format import PROCESS, Header
from rpcbackend.transcripts.placeholders import TableFullError
from rpcbackend.transcripts.timeline import STEPS, Calls, Timeline
from rpcbackend.transcripts.writing import Bounds, Gap, Line, Taken, Writing
from rpcbackend.watch import Tell, tell_nobody

SEED_BYTES = 16
GATHER_SECONDS, GATHERS = 0.05, 20
"""The thread lets a burst pass before it begins, for a second at most: it shares the interpreter
with the calls, and costs them nothing as long as it waits."""
BREATH_SECONDS = 0.000_05
"""And lets go of the interpreter after each message, which takes it some 30 µs."""
CROWD = 5_000
"""Waiting lines above which the thread takes no breath."""
CLOSE_SECONDS = 5.0
"""How long the end of a process waits for what is not written yet."""
RETRY_SECONDS = 5.0
"""How long a disk that refused is left alone."""
LINE_BYTES = 200
"""What a line takes in memory beside its text."""


class Recorder:
    """The tap of a process that records; begins to write when the store is open.

    Only then it is known whether the transcript must be sealed. What came before waits in memory,
    and is dropped should the store never be opened.

    Args:
        path: Of the transcript's newest file.
        clock: The process's.
        bounds: How much it may take.
        tell: Told when messages are dropped, or nothing can be written.
    """

    def __init__(
        self, path: Path, clock: Clock, bounds: Bounds | None = None, tell: Tell = tell_nobody
    ) -> None:
        self._path, self._bounds, self._tell = path, bounds or Bounds(), tell
        self._timeline = Timeline(clock)
        seed = os.urandom(SEED_BYTES)
        self._calls = Calls(seed, self._timeline.started_ms)
        self._header = Header(
            version=__version__,
            contract_hash=contract_hash(),
            seed=seed.hex(),
            started_ms=self._timeline.started_ms,
            schema_version=latest_version(),
        )
        self._lines: dict[str, int] = {}
        self._steps = 0
        self._waiting: deque[Taken] = deque()
        self._gap: Gap | None = None
        self._put_bytes = self._taken_bytes = 0
        self._wake, self._is_closing = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._has_ended = self._is_refused = False
        self._writing: Writing | None = None
        self.keys: list[bytes] = []
        """Those that the store had while it was recorded, the newest last."""

    # On the loop (rpcbackend.dispatch.tap.Tap)

    def came(self, connection_id: str, line: bytes | None) -> None:
        """Take a line that came in."""
        self._begin("in", connection_id, line)

    def moment(self) -> Moment:
        """Return that of the next call of the line that came last."""
        return self._calls.next()

    def began(self, name: str) -> Moment:
        """Hear that the process begins by itself what is due, and return its moment."""
        self._begin("event", PROCESS, name.encode())
        return self._calls.next()

    def step_began(self, name: StepName, facts: WireModel) -> Begun:
        """Hear that the process begins a step of its own."""
        t = self._timeline.now()
        self._steps += 1
        latest = self._timeline.latest
        self._calls.begin(STEPS, self._steps, t, self._timeline.read_at, latest)
        told = {"name": name, "number": self._steps, "facts": facts.model_dump(mode="json")}
        line = codec.encode(told)
        self._put(Line(t, "step", PROCESS, line, latest), len(line))
        return Begun(self._steps, self._calls.next())

    def step_ended(self, number: int, seq: int | None) -> None:
        """Hear that it ended."""
        line = codec.encode({"number": number, "seq": seq})
        self._put(Line(self._timeline.passed(), "stepped", PROCESS, line), len(line))

    def went(self, connection_id: str, line: bytes) -> None:
        """Take a line that goes out."""
        self._put(Line(self._timeline.passed(), "out", connection_id, line), len(line))

    def opened(self, key: bytes | None) -> None:
        """Begin to write, or go on in another file because the key is another."""
        self._waiting.append(key)
        if key is not None:
            self.keys.append(key)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
            self._thread.start()
        self._wake.set()

    def close(self) -> None:
        """Write what waits, and end the file."""
        self._is_closing.set()
        self._wake.set()
        if self._thread is None:
            self._tell("nothing was recorded", {"reason": "the store was never opened"})
        else:
            self._thread.join(CLOSE_SECONDS)
            if self._thread.is_alive():
                self._tell("recording has ended", {"reason": "the time is up"} | self._missing())

    def _begin(self, direction: str, connection_id: str, line: bytes | None) -> None:
        t = self._timeline.now()
        self._lines[connection_id] = number = self._lines.get(connection_id, 0) + 1
        latest = self._timeline.latest
        self._calls.begin(connection_id, number, t, self._timeline.read_at, latest)
        self._put(Line(t, direction, connection_id, line, latest), len(line or b""))

    def _put(self, line: Line, size: int) -> None:
        if self._has_ended:
            return
        size += LINE_BYTES
        if self._put_bytes - self._taken_bytes > self._bounds.waiting_bytes:
            if self._gap is None:
                self._gap = Gap(line.t)
                self._waiting.append(self._gap)
                self._tell("the transcript misses messages", {"since_ms": line.t})
            self._gap.count += 1
            return
        self._gap = None
        self._put_bytes += size
        self._waiting.append(line)
        if not self._wake.is_set():
            self._wake.set()

    # On the thread

    def _run(self) -> None:
        try:
            self._writing = Writing(self._path, self._header, self._bounds, self._is_patient)
            self._writing.run(self._take)
        except OSError as error:
            self._end(_reason(error))
        except TableFullError:
            self._end("it holds as many names and secrets as it can tell apart")
        except Exception as bug:  # noqa: BLE001 (a bug costs the transcript, and is told)
            self._end(f"unexpected {type(bug).__name__}")
        finally:
            self._has_ended = True
            self._waiting.clear()

    def _end(self, reason: str) -> None:
        self._tell("recording has ended", {"reason": reason} | self._missing())

    def _missing(self) -> dict[str, int]:
        """Count what was taken and is not written."""
        waiting = (
            each.count if isinstance(each, Gap) else 1
            for each in self._waiting.copy()
            if isinstance(each, Gap | Line)
        )
        taken = self._writing.unwritten if self._writing is not None else 0
        return {"messages": taken + sum(waiting)}

    def _is_patient(self, error: OSError) -> bool:
        """Leave the disk alone for a while; tell whether there is still time for another try."""
        if self._is_closing.is_set():
            return False
        if not self._is_refused:
            self._is_refused = True
            self._tell("the transcript waits for the disk", {"reason": _reason(error)})
        self._is_closing.wait(RETRY_SECONDS)
        return True

    def _let_pass(self) -> None:
        for _ in range(GATHERS):
            before = len(self._waiting)
            is_closing = self._is_closing.wait(GATHER_SECONDS)
            if is_closing or before > CROWD or len(self._waiting) == before:
                return

    def _take(self, write: Callable[[Taken], None]) -> bool:
        """Hand over what waits; tell whether more may come."""
        is_closing = self._is_closing.is_set()
        if not is_closing:
            self._wake.wait()
            self._let_pass()
            self._wake.clear()
        while self._waiting:
            taken = self._waiting.popleft()
            write(taken)
            if isinstance(taken, Line):
                self._taken_bytes += LINE_BYTES + len(taken.line or b"")
            if not is_closing and len(self._waiting) < CROWD:
                self._is_closing.wait(BREATH_SECONDS)
        return not is_closing


def _reason(error: OSError) -> str:
    return error.strerror or "the disk failed"
