"""Programs that die, or whose disk fails, at a call of our choosing: their side and the test's.

A program is a module that hands `run_lives` what a life does; a test starts it by `mortal` and
says for each life at which call what shall happen (`fault.c`). What is imported is imported once:
a life is a fork.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import traceback
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.budget import IS_FULL

KILLED = -9
"""The status of a life that was ended by SIGKILL."""

# The program's side


@dataclass(frozen=True, slots=True)
class Task:
    """What one life is given."""

    directory: Path
    """Its data directory: what it changes in there counts."""
    fault: str
    """What shall happen, and at which call."""
    arguments: tuple[str, ...]

    def arm(self) -> None:
        """Begin to count the calls."""
        self.directory.with_name(f"{self.directory.name}.arm").write_text(
            self.fault, encoding="utf-8"
        )


def run_lives(
    live: Callable[[Task], Coroutine[Any, Any, None]],
    rehearse: Callable[[], Coroutine[Any, Any, None]] | None = None,
) -> None:
    """Live once for each line on stdin, each time in a new process.

    Args:
        live: What dies.
        rehearse: Does once what a life does, so that each finds loaded what it needs.
    """
    if rehearse is not None:
        asyncio.run(rehearse())
    for line in sys.stdin:
        directory, action, at, *arguments = line.split()
        child = os.fork()
        if child == 0:
            os._exit(_live(live, Task(Path(directory), f"{action} {at}", tuple(arguments))))
        _, status = os.waitpid(child, 0)
        say(f"end {os.waitstatus_to_exitcode(status)}")


def _live(live: Callable[[Task], Coroutine[Any, Any, None]], task: Task) -> int:
    os.environ["FAULT_FOLDER"] = str(task.directory)
    try:
        asyncio.run(live(task))
    except BaseException:  # noqa: BLE001 (the process ends here, and says so)
        traceback.print_exc()
        return 70
    return 0


def say(line: str) -> None:
    """Write a line at once, for the next moment may be the last."""
    os.write(1, f"{line}\n".encode())


# The test's side


@dataclass(frozen=True, slots=True)
class Life:
    """What a life said until its end."""

    said: tuple[tuple[str, ...], ...]
    """Its lines, as words."""
    status: int
    """Its exit code, or a signal below zero."""
    was_hit: bool
    """Whether it came to the call at which something should happen."""

    def words(self, first: str) -> list[tuple[str, ...]]:
        """Return what follows on those of its lines that begin so."""
        return [line[1:] for line in self.said if line[0] == first]


class Mortal:
    """A program, and the folder in which each of its lives gets a copy of `template`."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self._process, self._folder = process, folder
        self.directory = folder / "data"

    def live(self, action: str, at: int, *arguments: str) -> Life:
        """Let it live on a fresh copy of the template, with a fault at one call."""
        self.prepare()
        return self.live_on(action, at, *arguments)

    def prepare(self) -> None:
        """Make a fresh copy of the template, if there is one."""
        shutil.rmtree(self.directory, ignore_errors=True)
        if (self._folder / "template").exists():
            shutil.copytree(self._folder / "template", self.directory)

    def live_on(self, action: str, at: int, *arguments: str) -> Life:
        """Let it live on what its last life left."""
        (self._folder / "data.arm").unlink(missing_ok=True)
        sign = self._folder / "data.hit"
        sign.unlink(missing_ok=True)
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join([str(self.directory), action, str(at), *arguments]))
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        said = []
        while (words := self._line())[0] != "end":
            said.append(words)
        return Life(tuple(said), int(words[1]), sign.exists())

    def _line(self) -> tuple[str, ...]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().split()
        assert line, "the program itself ended"
        return tuple(line)

    def count_calls(self, *arguments: str) -> int:
        """Let it live in peace and return the number of calls that change its folder."""
        life = self.live("count", 1, *arguments)
        assert life.status == 0, life
        return (self._folder / "data.hit").stat().st_size


@contextmanager
def mortal(module: str, fault: Path, folder: Path) -> Iterator[Mortal]:
    """Run a module of ours as a program, with the library of `fault.c` preloaded.

    Args:
        module: Such as `tests.faults.rekeyer`.
        fault: The library; see the fixture of that name.
        folder: Where the lives take place; see the fixture of that name.
    """
    with subprocess.Popen(  # noqa: S603 (our own program)
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env=os.environ | {"LD_PRELOAD": str(fault), "PYTHONASYNCIODEBUG": ""},
    ) as process:
        yield Mortal(process, folder)


def selected(calls: int, quick: int = 40) -> list[int]:
    """Choose of so many calls those that are tried: all in a full run, so many in a quick one.

    A third of them at either end, for there it begins and is decided.
    """
    if IS_FULL or calls <= quick:
        return list(range(1, calls + 1))
    ends = quick // 3
    between = range(ends + 1, calls - ends + 1)
    step = max(1, len(between) // (quick - 2 * ends))
    return [*range(1, ends + 1), *between[step // 2 :: step], *range(calls - ends + 1, calls + 1)]
