"""`rpcbackend doctor`: looks at a data directory, explains what it finds, mends what is safe."""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

from rpcbackend.care.command import require_folder
from rpcbackend.care.salvaging import put_salvaged_in_place, salvage_directory
from rpcbackend.clock import Clock, SystemClock
from rpcbackend.config import Settings, default_data_dir, load_settings
from rpcbackend.damage import put_aside_and_advise
from rpcbackend.door import ExitRequestedError
from rpcbackend.exits import EX_SCHEMA, EX_STORAGE, EX_USAGE, EX_WRONG_KEY
from rpcbackend.process_life import owned, read_key_line
from rpcbackend.security.process import harden, make_files_private
from rpcbackend.store import (
    DamagedError,
    Examined,
    Finding,
    Room,
    StorageFailedError,
    WrongKeyError,
    examine,
    fold_log_in,
    folder_in,
    has_log,
    is_locked,
    leftovers_in,
    list_backups,
    make_indexes_anew,
    path_in,
)

OLD_BACKUP = timedelta(days=2)
"""One is made every day that the program is used."""

AHEAD = timedelta(minutes=5)
"""Clocks that are set by the network differ by less."""

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the doctor is asked to do beside looking."""

    repair: bool = False
    salvage: bool = False
    replace: bool = False


def see_doctor(
    data_dir: Path | None, keys: TextIO, wanted: Wanted, clock: Clock | None = None
) -> int:
    """Look at a data directory and return the exit code: 0, or what is worst about it.

    Args:
        data_dir: None for the one the system keeps for this user.
        keys: A line with the key of an encrypted database, in base64url.
        wanted: What to do beside looking; without anything no file is changed.
        clock: Tells how old things are.
    """
    make_files_private()
    harden()
    settings = load_settings(None, data_dir=data_dir)
    directory = settings.data_dir or default_data_dir()
    try:
        require_folder(directory)
        with owned(directory):
            key = _read_key(keys) if is_locked(directory) else None
            doctor = Doctor(directory, key, settings, wanted=wanted, clock=clock or SystemClock())
            return doctor.see()
    except ExitRequestedError as end:
        sys.stderr.write(f"rpcbackend: {end}\n")
        return end.code


def _read_key(keys: TextIO) -> bytes:
    key = read_key_line(keys)
    if key is None:
        raise ExitRequestedError(
            EX_USAGE, "the database is encrypted: its key is wanted on stdin, in base64url"
        )
    return key


class Doctor:
    """Goes from check to check and says what each found."""

    def __init__(
        self,
        directory: Path,
        key: bytes | None,
        settings: Settings,
        *,
        wanted: Wanted,
        clock: Clock,
    ) -> None:
        self._directory, self._key = directory, key
        self._disk, self._wanted, self._clock = settings.disk, wanted, clock
        self._path = path_in(directory)
        self._code, self._is_damaged = 0, False

    def see(self) -> int:
        """Make every check that can be made, and return the exit code."""
        self._say("✓", f"{self._directory} is there, and nobody else uses it")
        self._look_at_modes()
        self._look_at_room()
        self._look_at_leftovers()
        # What another database in its place does not mend.
        lasting = self._code
        examined = self._look_at_database()
        if examined is not None:
            self._look_at_contents(examined)
            self._look_at_clock(examined)
        self._look_at_backups()
        if self._wanted.salvage and self._salvage():
            return lasting
        return self._code

    def _say(self, mark: str, what: str, advice: str = "") -> None:
        sys.stdout.write(f"{mark} {what}\n" + (f"  → {advice}\n" if advice else ""))

    def _fail(self, what: str, advice: str, code: int = EX_STORAGE) -> None:
        self._code = self._code or code
        self._say("✗", what, advice)

    def _mend(self, what: str, advice: str, mend: Callable[[], None]) -> None:
        """Say what is not as it should be, and mend it if that is wanted."""
        if not self._wanted.repair:
            return self._say("!", what, f"{advice}, or let rpcbackend doctor --repair do it")
        try:
            mend()
        except (OSError, StorageFailedError) as error:
            return self._say("!", what, f"this could not be mended: {error}")
        return self._say("✓", f"{what}: mended")

    def _look_at_modes(self) -> None:
        open_ones = [path for path in self._own_files() if path.stat().st_mode & 0o077]
        if sys.platform == "win32" or not open_ones:
            return self._say("✓", "the folder and its files are their owner's alone")

        def close() -> None:
            for path in open_ones:
                path.chmod(0o700 if path.is_dir() else 0o600)

        names = ", ".join(sorted(path.name for path in open_ones))
        return self._mend(f"others can read {names}", "take those rights away", close)

    def _own_files(self) -> Iterator[Path]:
        yield self._directory
        yield from (path for path in self._directory.iterdir() if path.name != "lost+found")

    def _look_at_room(self) -> None:
        free = shutil.disk_usage(self._directory).free
        said = f"{free // MIB:,} MiB are free on the disk"
        if free < self._disk.read_only_bytes:
            return self._fail(
                said, f"below {self._disk.read_only_bytes // MIB} MiB nothing is written: free some"
            )
        mark = "!" if free < self._disk.warn_bytes else "✓"
        self._say(mark, said, "free some before it fills up" if mark == "!" else "")
        room = Room(self._directory, self._disk.ballast_bytes)
        if self._path.exists() and room.missing_bytes():
            self._mend(
                "no room is kept back for a full disk",
                "the next serve makes it",
                lambda: _must(room.make_ballast(), "there is no room"),
            )
        return None

    def _look_at_leftovers(self) -> None:
        found = leftovers_in(self._directory)
        if not found:
            return self._say("✓", "nothing is left of work that was cut short")

        def remove() -> None:
            for path in found:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

        names = ", ".join(sorted(path.name for path in found))
        return self._mend(f"left of work that was cut short: {names}", "remove it", remove)

    def _look_at_database(self) -> Examined | None:
        """Open it and look through all of it."""
        if not self._path.exists() or not self._path.stat().st_size:
            self._miss()
            return None
        try:
            examined = examine(self._path, self._key, lambda *_: None)
        except WrongKeyError:
            if self._key is None:
                self._be_damaged("the file is no database any more")
            else:
                self._fail(
                    "the key does not open the database",
                    "bring the right key; if it is, the first page is damaged: restore a backup",
                    EX_WRONG_KEY,
                )
        except DamagedError as error:
            self._be_damaged(str(error))
        except StorageFailedError as error:
            self._fail(str(error), "put the school's own database here, or restore a backup")
        else:
            return self._judge(examined)
        return None

    def _miss(self) -> None:
        if any(self._directory.glob(f"{self._path.name}-wal")) or self._has_trace():
            self._fail("the database is missing or empty", "restore a backup, rpcbackend restore")
        else:
            self._say("!", "there is no database here yet", "the first serve makes one")

    def _has_trace(self) -> bool:
        return self._path.exists() or (self._directory / "school.made").exists()

    def _judge(self, examined: Examined) -> Examined | None:
        if examined.is_too_new:
            self._fail(
                f"a newer version of this program wrote the database (version"
                f" {examined.schema_version})",
                "install that version, or restore a backup from before its migration",
                EX_SCHEMA,
            )
            return None
        said = f"the database opens (version {examined.schema_version})"
        self._say("✓", said, "the next start migrates it" if examined.is_old else "")
        return examined

    def _look_at_contents(self, examined: Examined) -> None:
        findings = list(examined.findings)
        if findings and all(finding.kind == "index" for finding in findings):
            self._mend(
                f"indexes do not fit their tables: {_in_words(findings)}",
                "they can be built anew",
                lambda: make_indexes_anew(self._path, self._key),
            )
            if not self._wanted.repair:
                return
            findings = self._look_again()
        pages = [finding for finding in findings if finding.kind != "contents"]
        contents = [finding for finding in findings if finding.kind == "contents"]
        if pages:
            self._be_damaged(_in_words(pages))
        for finding in contents:
            self._fail(finding.text, "restore a backup from before, or enter anew what is missing")
        if not findings:
            self._say("✓", "every page, reference, event, claim and row of the audit is sound")
        if not pages and has_log(self._path):
            self._mend(
                "the program did not end cleanly: a log is left",
                "the next start folds it in",
                lambda: _must(fold_log_in(self._path, self._key), "somebody uses the database"),
            )

    def _look_again(self) -> list[Finding]:
        return list(examine(self._path, self._key, lambda *_: None).findings)

    def _be_damaged(self, what: str) -> None:
        self._is_damaged = True
        advice = "rpcbackend doctor --repair puts a copy aside and says what to do"
        if self._wanted.salvage:
            advice = "what can be read is saved into a new one, see below"
        elif self._wanted.repair:
            advice = put_aside_and_advise(self._directory, self._clock.now_ms())
        self._fail(what, advice)

    def _look_at_clock(self, examined: Examined) -> None:
        ahead = timedelta(milliseconds=examined.latest_ms - self._clock.now_ms())
        if ahead > AHEAD:
            said = f"the database is {ahead} ahead of this machine's clock"
            return self._say("!", said, "set the clock: what expires is judged by it")
        return self._say("✓", "the clock is not behind the database")

    def _look_at_backups(self) -> None:
        backups = list_backups(folder_in(self._directory))
        if not backups:
            return self._say("!", "there is no backup", "make one: rpcbackend backup")
        newest = backups[0]
        age = datetime.fromtimestamp(self._clock.now_ms() / 1_000, UTC) - newest.created_at
        mark = "!" if age > OLD_BACKUP else "✓"
        said = f"the last verified backup is {newest.id}"
        return self._say(mark, said, "it is old: rpcbackend backup" if mark == "!" else "")

    def _salvage(self) -> bool:
        """Save what can be read, and tell whether a sound database is in place now."""
        if not self._is_damaged:
            self._say("✓", "there is nothing to salvage: no page was found damaged")
            return False
        with suppress(WrongKeyError):
            salvaged = salvage_directory(self._directory, self._key, self._clock, self._say)
            if salvaged is not None and self._wanted.replace:
                is_there = put_salvaged_in_place(self._directory, salvaged, self._clock, self._say)
                return is_there and not salvaged.findings
            if salvaged is not None:
                said = "the damaged database is still in its place"
                self._say("!", said, "add --replace to put this one there")
        return False


def _in_words(findings: list[Finding]) -> str:
    return "; ".join(finding.text for finding in findings)


def _must(is_done: bool, complaint: str) -> None:
    if not is_done:
        raise StorageFailedError(complaint)
