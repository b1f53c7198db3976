"""Backups: what they are, which of them count, and which are kept.

A backup is a file, `<id>.db`, and its manifest, `<id>.json`. The file gets its name last, once it
was opened again and found sound and its manifest is durable: one without the other is no backup.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Literal, get_args

import orjson

FOLDER_NAME = "backups"
"""Where they are kept, in the data directory."""

FORMAT = "rpcbackend-backup/1"

END = ".db"
ID = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ-[a-z-]+(-\d+)?")

Reason = Literal[
    "daily", "manual", "before-migration", "before-restore", "before-rekey", "after-rekey"
]
"""Why a backup was made; it is the end of its id."""

REGULAR: tuple[Reason, ...] = ("daily", "manual", "after-rekey")
KEEP_DAYS, KEEP_WEEKS, KEEP_EACH = 7, 4, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is in a database, as far as it can be told by numbers."""

    schema_version: int
    head_seq: int
    """Of the events."""
    audit_head_seq: int
    audit_head_hash: str
    """In hex; zeros before the first row."""
    rows: dict[str, int]
    """Of each table, migrations included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A backup that was whole and sound when it was made."""

    id: str
    """Such as `2026-11-28T06-00-03Z-daily`."""
    path: Path
    """Of the database; the manifest is beside it."""
    reason: Reason
    created_at: datetime
    bytes: int
    sha256: str
    """Of the file, in hex."""
    facts: Facts
    is_encrypted: bool
    key_mark: str | None
    """Equal for backups under one key, and tells nothing about it; None for a plain one."""
    program_version: str
    tz_version: str
    """Of the time zone data, such as `2026b`."""


class NoBackupError(Exception):
    """There is no manifest, or it cannot be read, or the file beside it is another."""


def mark_of(key: bytes | None) -> str | None:
    """Return what tells keys apart without telling them."""
    if key is None:
        return None
    return hashlib.sha256(b"rpcbackend key mark" + key).hexdigest()[:16]


def folder_in(directory: Path) -> Path:
    """Return where the backups of a data directory are kept."""
    return directory / FOLDER_NAME


def list_backups(folder: Path) -> list[Backup]:
    """Return the backups in a folder, the newest first.

    Only those count whose manifest is whole and whose file has the size it had. Costs no look into
    the files; `verify_backup` looks.
    """
    found = []
    for manifest in folder.glob("*.json"):
        with suppress(NoBackupError):
            found.append(read_backup(manifest.with_suffix(END)))
    return sorted(found, key=_age, reverse=True)


def _age(backup: Backup) -> tuple[datetime, str]:
    return backup.created_at, backup.id


def read_backup(path: Path) -> Backup:
    """Return the backup whose database is *path*, as its manifest tells.

    Raises:
        NoBackupError: There is no manifest, or the file is not the one it is about.
    """
    try:
        told = orjson.loads(path.with_suffix(".json").read_bytes())
        backup = _backup_of(told, path)
        size = path.stat().st_size
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise NoBackupError(f"{path.name} has no manifest that can be read") from error
    if size != backup.bytes:
        raise NoBackupError(f"{path.name} has not the size that its manifest tells")
    return backup


def _backup_of(told: dict[str, Any], path: Path) -> Backup:
    if told.pop("format") != FORMAT or told["reason"] not in get_args(Reason):
        raise ValueError("another program's manifest")
    created_at = datetime.fromisoformat(told.pop("created_at")).astimezone(UTC)
    facts = Facts(**told.pop("facts"))
    return Backup(**told, path=path, created_at=created_at, facts=facts)


def manifest_of(backup: Backup) -> bytes:
    """Write a backup's manifest, as `read_backup` reads it."""
    told = {"format": FORMAT} | asdict(backup)
    del told["path"]
    told["created_at"] = backup.created_at.isoformat()
    return orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def superfluous(backups: Iterable[Backup]) -> list[Backup]:
    """Return those that may go, the oldest last.

    What stays: of the regular ones the newest of each of the last 7 days and of each of the last 4
    weeks that have one; the newest 3 of every other reason, and of the manual ones; and the newest
    of all, whatever its reason.
    """
    newest_first = sorted(backups, key=_age, reverse=True)
    regular = [backup for backup in newest_first if backup.reason in REGULAR]
    kept = _newest_of_each(regular, "%Y-%m-%d", KEEP_DAYS)
    kept |= _newest_of_each(regular, "%G-W%V", KEEP_WEEKS)
    for reason in get_args(Reason):
        if reason != "daily":
            of_reason = (backup.id for backup in newest_first if backup.reason == reason)
            kept |= set(islice(of_reason, KEEP_EACH))
    kept |= {backup.id for backup in newest_first[:1]}
    return [backup for backup in newest_first if backup.id not in kept]


def _newest_of_each(newest_first: Sequence[Backup], period: str, count: int) -> set[str]:
    newest: dict[str, str] = {}
    for backup in newest_first:
        newest.setdefault(backup.created_at.strftime(period), backup.id)
    return set(islice(newest.values(), count))
