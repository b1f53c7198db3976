"""Desks that are recorded, and their transcripts replayed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rpcbackend.app import Application
from rpcbackend.clock import Clock, SystemClock
from rpcbackend.methods import build_registry
from rpcbackend.outside.channels import MakeChannels
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, running_app
from rpcbackend.transcripts.files import open_transcript
from rpcbackend.transcripts.format import Entry
from rpcbackend.transcripts.outcome import Outcome, Wish
from rpcbackend.transcripts.recorder import Recorder
from rpcbackend.transcripts.replay import Replay
from rpcbackend.transcripts.rules import ALWAYS, Rule
from rpcbackend.transcripts.shelf import Shelf
from rpcbackend.transcripts.writing import Bounds
from tests.people import be_quick

NAME = "transcript.jsonl"
ADA = {"login": "Ada", "password": "a long walk in the rain"}
DAY = {"from": "2026-11-24T00:00:00Z", "to": "2026-11-26T00:00:00Z"}


class Recorded(Client):
    """A client whose lines are written down, and what it speaks to."""

    def __init__(self, app: Application, recorder: Recorder) -> None:
        super().__init__(app)
        self.app, self.recorder = app, recorder


@asynccontextmanager
async def recorded(
    folder: Path,
    clock: Clock | None = None,
    bounds: Bounds | None = None,
    *,
    channels: MakeChannels | None = None,
    **given: Any,
) -> AsyncIterator[Recorded]:
    """Record a client of an application whose store stands in *folder*.

    Args:
        folder: Takes the transcript, too.
        clock: Of the process.
        bounds: Of the recording.
        channels: Carry its messages outside.
        given: More of the application.
    """
    clock = clock or SystemClock()
    bugs: list[Exception] = []
    recorder = Recorder(folder / NAME, clock, bounds)
    surroundings = Surroundings(
        clock=clock,
        tap=recorder,
        channels=channels,
        report_bug=lambda bug, _: bugs.append(bug),
        recordings=Shelf(folder / NAME, build_registry, lambda: recorder.keys),
    )
    async with running_app(folder / "data", surroundings, **given) as app:
        be_quick(app)
        yield Recorded(app, recorder)
    recorder.close()
    if bugs:
        raise bugs[0]


def entries_in(folder: Path, *keys: bytes) -> list[Entry]:
    """Read the transcript of a folder."""
    return list(open_transcript(folder / NAME, keys).entries())


async def replayed(
    folder: Path, *keys: bytes, rules: frozenset[Rule] = frozenset(), name: str = NAME
) -> Outcome:
    """Replay the transcript of a folder on an empty store."""
    transcript = open_transcript(folder / name, keys)
    with TemporaryDirectory() as directory:
        return await Replay(transcript, Path(directory), Wish(rules=ALWAYS | rules)).run()


async def all_of(client: Client, *calls: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Send calls at once, and return the replies."""
    return list(await asyncio.gather(*(client.start(*call) for call in calls)))


async def refused(client: Client, channel: str, **params: Any) -> str:
    """Make a call that is refused, and return the symbol."""
    try:
        await client.call(channel, **params)
    except CallFailedError as failed:
        return failed.symbol
    raise AssertionError(channel)


def spoil(folder: Path, change: Callable[[str], str]) -> None:
    """Change the text of a transcript."""
    text = (folder / NAME).read_text(encoding="utf-8")
    (folder / NAME).write_text(change(text), encoding="utf-8")


def assert_same(outcome: Outcome, compared: int | None = None) -> None:
    """Hold that nothing was different, and how much was compared."""
    assert not outcome.differences, "\n".join(map(str, outcome.differences))
    assert outcome.count == 0
    assert compared is None or outcome.compared == compared
