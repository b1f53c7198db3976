"""The process and its supervisor: it serves, ends, crashes, and is started again on its files."""

import asyncio
import random
import shutil
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from pathlib import Path

from rpcbackend.app import Application
from rpcbackend.config import CacheSettings
from rpcbackend.door import ExitRequestedError
from rpcbackend.exits import EX_TIMED_OUT
from rpcbackend.process_life import GRACE_SECONDS
from rpcbackend.schema.limits import Limits
from rpcbackend.surroundings import Surroundings
from tests.people import be_quick
from tests.simulation.journal import Journal
from tests.simulation.loop import LIFE, SimulatedLoop
from tests.simulation.threads import Threads
from tests.simulation.wire import Link

KILLED = -9
DRAIN_SECONDS = 5.0
RESTART_SECONDS = 2.0
"""The supervisor waits up to this long before it starts the next process."""

_WITHOUT_THE_PROCESS = shutil.ignore_patterns("*-shm", "*.lock")
"""What is left of a folder whose process is dead: these files mean nothing without it."""


@dataclass(slots=True, eq=False)
class Life:
    """One process, from its start to its end."""

    number: int
    directory: Path
    context: Context
    app: Application
    exited: "asyncio.Future[int]"
    links: list[Link] = field(default_factory=list)
    image: Path | None = None
    """The files as they were when an fsync failed: nothing that came later is on the disk."""
    serving: "asyncio.Task[int] | None" = None
    is_serving: bool = False


class Backend:
    """Runs one process after the other.

    Args:
        folder: Where the files of each life stand.
        loop: Runs the processes, and kills them.
        threads: Those of their databases.
        journal: Gets starts and ends.
        bits: Decide how long a restart takes.
    """

    def __init__(
        self,
        folder: Path,
        loop: SimulatedLoop,
        threads: Threads,
        journal: Journal,
        bits: random.Random,
    ) -> None:
        self._folder, self._loop, self._threads = folder, loop, threads
        self.directory = folder / "life-1"
        """Where the files are now."""
        self._journal, self._bits = journal, bits
        self.make_outside: Callable[[], Surroundings] = Surroundings
        self.limits = Limits()
        self.ends: list[int] = []
        """The exit codes of those who ended."""
        self.on_up: Callable[[Path], None] = lambda directory: None  # noqa: ARG005
        """Told where the files of a process are that serves by now."""
        self._life: Life | None = None
        self._count = 0
        self._is_over = False
        self._went_up = asyncio.Event()

    @property
    def life(self) -> Life | None:
        """The process that serves now, if there is one."""
        return self._life if self._life is not None and self._life.is_serving else None

    async def supervise(self) -> None:
        """Start it again whenever it ends, until `stop`."""
        while not self._is_over:
            await self._live()
            await asyncio.sleep(self._bits.random() * RESTART_SECONDS)

    async def stop(self) -> None:
        """Let the process end, for good."""
        self._is_over = True
        if self._life is not None:
            life = self._life
            life.context.run(life.app.end, 0)
            await asyncio.shield(life.exited)

    def restart(self) -> None:
        """Let the process end in an orderly way, as at end of file."""
        if (life := self.life) is not None:
            self._journal.note("supervisor", "end of file")
            life.context.run(life.app.end, 0)

    def kill(self) -> None:
        """End the process where it is: nothing that it holds in memory survives."""
        if self._life is not None and not self._life.exited.done():
            self._destroy(self._life, KILLED)

    def note_failed_sync(self, number: int) -> None:
        """Keep the files as they are: what is written from now on will not be found again."""
        life = self._life
        if life is not None and life.number == number and life.image is None:
            life.image = self._folder / f"image-{number}"
            shutil.copytree(life.directory, life.image, ignore=_WITHOUT_THE_PROCESS)

    async def connect(self, name: str) -> Link:
        """Return a new connection, once there is a process."""
        while (life := self.life) is None:
            self._went_up.clear()
            await self._went_up.wait()
        link = Link(name, self._loop, self._bits, self._journal)
        server = life.context.run(life.app.connect, link)
        link.plug_in(server, life.context)
        life.links.append(link)
        return link

    async def _live(self) -> None:
        self._count += 1
        self.directory.mkdir(exist_ok=True)
        context = copy_context()
        context.run(LIFE.set, self._count)
        app = context.run(
            lambda: Application(
                self.directory,
                self.make_outside(),
                drain_seconds=DRAIN_SECONDS,
                limits=self.limits,
                cache=CacheSettings(),
            )
        )
        be_quick(app)
        exited: asyncio.Future[int] = self._loop.create_future()
        life = self._life = Life(self._count, self.directory, context, app, exited)
        self._journal.note("supervisor", f"starts process {life.number}")
        life.serving = self._loop.create_task(self._serve(life), context=context, name="serve")
        life.serving.add_done_callback(lambda done: self._after(life, done))
        await exited

    async def _serve(self, life: Life) -> int:
        """Do what `serve` does between its signals and its exit code."""
        app = life.app
        try:
            await app.boot()
        except ExitRequestedError as end:
            return end.code
        life.is_serving = True
        self._went_up.set()
        self.on_up(life.directory)
        await app.begun_to_end()
        # Nobody connects any more to a process that is about to end.
        life.is_serving = False
        # A shutdown that hangs is cut off; by nobody's timer, for the process may not get to it.
        self._loop.call_outside(DRAIN_SECONDS + GRACE_SECONDS, self._cut_off, life)
        await app.ended.wait()
        await app.close()
        await self._cancel_rest(life)
        return app.exit_code

    async def _cancel_rest(self, life: Life) -> None:
        """Do what `asyncio.run` does at its end, as to those who wait for a peer to read."""
        rest = [task for task in self._loop.tasks_of(life.number) if task is not life.serving]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    def _cut_off(self, life: Life) -> None:
        if not life.exited.done():
            self._destroy(life, EX_TIMED_OUT)

    def _destroy(self, life: Life, code: int) -> None:
        self._preserve(life)
        self._loop.kill(life.number)
        self._threads.kill(life.number)
        self._end(life, code)

    def _after(self, life: Life, done: "asyncio.Task[int]") -> None:
        if not done.cancelled() and not life.exited.done():
            # Whatever it raised is told by whoever waits for the end.
            if done.exception() is not None:
                life.exited.set_exception(done.exception() or RuntimeError())
                return
            self._check_end(life, done.result())
            self._preserve(life)
            self._end(life, done.result())

    def _check_end(self, life: Life, code: int) -> None:
        left = [repr(task.get_coro()) for task in self._loop.tasks_of(life.number)]
        threads = [thread.worker.name for thread in self._threads.of(life.number)]
        if left or threads:
            raise AssertionError(f"process {life.number} ended ({code}) but left {left} {threads}")

    def _preserve(self, life: Life) -> None:
        """Put the files where the next process will find them, as they are now."""
        self.directory = self._folder / f"life-{life.number + 1}"
        source = life.image or life.directory
        shutil.copytree(source, self.directory, ignore=_WITHOUT_THE_PROCESS)

    def _end(self, life: Life, code: int) -> None:
        life.is_serving = False
        self._journal.note("supervisor", f"process {life.number} ended: {code}")
        self.ends.append(code)
        for link in life.links:
            link.die()
        for used in filter(None, (life.directory, life.image)):
            shutil.rmtree(used)
        life.exited.set_result(code)
