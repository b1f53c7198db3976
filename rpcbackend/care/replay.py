"""`rpcbackend replay`: send a recorded transcript again, and say what is different now."""

import asyncio
import base64
import shutil
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

from rpcbackend.care.command import Progress, require_data
from rpcbackend.care.transcripts import open_with_keys
from rpcbackend.door import ExitRequestedError
from rpcbackend.exits import (
    EX_CANTCREAT,
    EX_DIFFERENT,
    EX_SCHEMA,
    EX_STORAGE,
    EX_UNREADABLE,
    EX_USAGE,
)
from rpcbackend.process_life import owned
from rpcbackend.security.process import harden, make_files_private
from rpcbackend.store import StorageFailedError, is_encrypted
from rpcbackend.store.migrations import latest_version
from rpcbackend.transcripts.files import Transcript
from rpcbackend.transcripts.format import TranscriptError
from rpcbackend.transcripts.outcome import Outcome, Wish
from rpcbackend.transcripts.replay import Replay
from rpcbackend.transcripts.rules import ALWAYS, Rule

SHOWN = 5
"""Differences that are told; the others are counted."""

_NOT_COPIED = shutil.ignore_patterns("backups", "*.lock", "*-shm", "*.part", "quarantine")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is wanted of a replay."""

    path: Path
    against: Path | None = None
    """A data directory, of which a copy is used; None for an empty store."""
    may_differ: frozenset[Rule] = field(default_factory=frozenset)
    is_as_recorded: bool = False
    keep: Path | None = None
    """Takes a copy of the transcript, as a test, should nothing be different."""


def replay_transcript(order: Order, stdin: TextIO) -> int:
    """Replay, print what came of it, and return the exit code.

    Args:
        order: What is wanted.
        stdin: A key in base64url in each line, if the transcript is sealed or the store encrypted.
    """
    make_files_private()
    harden()
    try:
        with ExitStack() as stack:
            transcript = _open(order.path, stdin)
            directory = stack.enter_context(_folder())
            key = _copy(order.against, directory, transcript) if order.against else None
            outcome = _replay(order, transcript, directory, key)
            _say(order, transcript, outcome)
            if outcome.count or outcome.dropped:
                return EX_DIFFERENT
            if order.keep is not None:
                _keep(transcript, order.keep)
            return 0
    except ExitRequestedError as end:
        sys.stderr.write(f"rpcbackend: {end}\n")
        return end.code


def _open(path: Path, stdin: TextIO) -> Transcript:
    transcript = open_with_keys(path, stdin, [])
    if transcript.header.schema_version > latest_version():
        raise ExitRequestedError(EX_SCHEMA, "a newer version of this program wrote the transcript")
    return transcript


def _folder() -> "TemporaryDirectory[str]":
    try:
        return TemporaryDirectory(prefix="rpcbackend-replay-")
    except OSError as error:
        raise ExitRequestedError(EX_CANTCREAT, f"no folder can be made: {error}") from None


def _replay(order: Order, transcript: Transcript, folder: str, key: str | None) -> Outcome:
    wish = Wish(
        rules=ALWAYS | order.may_differ,
        is_as_recorded=order.is_as_recorded,
        is_copy=order.against is not None,
        database_key=key,
    )
    progress = Progress()
    try:
        replay = Replay(
            transcript,
            Path(folder) / "data",
            wish,
            lambda done, total: progress(done, total, "replaying"),
        )
        return asyncio.run(replay.run())
    except TranscriptError as error:
        raise ExitRequestedError(EX_UNREADABLE, f"{order.path}: {error}") from None
    finally:
        progress.end()


def _copy(against: Path, folder: str, transcript: Transcript) -> str | None:
    """Copy a store, and return the key that opens it."""
    with owned(against):
        try:
            path = require_data(against)
            shutil.copytree(against, Path(folder) / "data", ignore=_NOT_COPIED)
        except (OSError, StorageFailedError) as error:
            raise ExitRequestedError(EX_STORAGE, f"{against} cannot be copied: {error}") from None
        if not is_encrypted(path):
            return None
    if not transcript.keys:
        raise ExitRequestedError(
            EX_USAGE, "the store is encrypted and the transcript is not: it is another one's"
        )
    return base64.urlsafe_b64encode(transcript.keys[-1]).decode().rstrip("=")


def _say(order: Order, transcript: Transcript, outcome: Outcome) -> None:
    header = transcript.header
    say = sys.stdout.write
    say(f"{order.path}: {outcome.messages:,} messages, recorded by version {header.version}\n")
    found = "1 difference" if outcome.count == 1 else f"{outcome.count:,} differences"
    say(f"{outcome.compared:,} replies and events compared, {found}\n")
    told = {
        "requests overlapped with others": outcome.overlapped,
        "replies told of another last event, as they may beside others": outcome.claims,
        "requests not sent: their replies came of the instant, and they had no effect": (
            outcome.taken
        ),
        "replies not compared: they did not say what had come of the request": outcome.cut_short,
        "searches not sent: nobody knows which words were looked for": outcome.unknown,
        "requests at the end had no reply": outcome.unanswered,
        "messages are missing; the replay ends before them": outcome.dropped,
    }
    for what, count in told.items():
        if count:
            say(f"{count:,} {what}\n")
    if outcome.is_torn:
        say("the transcript is torn at its end: the process died, or somebody cut it\n")
    if outcome.allowed:
        rules = ", ".join(f"{rule} {count:,}" for rule, count in sorted(outcome.allowed.items()))
        say(f"different where it may be: {rules}\n")
    for number, difference in enumerate(outcome.differences[:SHOWN]):
        say(f"\n{'first difference: ' if number == 0 else ''}{difference}\n")
    if outcome.count > SHOWN:
        say(f"\nand {outcome.count - SHOWN:,} more\n")


def _keep(transcript: Transcript, to: Path) -> None:
    """Copy a transcript, as one plain file: nothing in it is secret."""
    try:
        with to.open("xb") as file:
            file.write(transcript.header.to_line())
            file.writelines(entry.to_line() for entry in transcript.entries())
    except OSError as error:
        raise ExitRequestedError(EX_CANTCREAT, f"{to}: {error.strerror}") from None
    sys.stdout.write(f"kept as {to}\n")
