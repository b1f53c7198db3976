"""What jobs do about backups, and what is known of the backups that there are."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rpcbackend.errors import ServerDatabaseError
from rpcbackend.running import Conclude, Run, Running
from rpcbackend.schema.backups import BackupEntry, CreatedBackup
from rpcbackend.schema.system import LastBackup
from rpcbackend.store import Backup, Reason, Store, Work


def backing_up(
    store: Callable[[], Store], shelf: "Shelf", reason: Reason, into: Path | None = None
) -> Run[CreatedBackup]:
    """Return the job that makes a backup.

    Args:
        store: Returns the open store.
        shelf: Told of the new backup.
        reason: Decides how long the backup is kept.
        into: Another folder than the store's own.
    """

    async def run(job: Running) -> Conclude[CreatedBackup]:
        made = await store().backup(reason, job.report, into)
        shelf.forget()

        async def conclude(work: Work) -> CreatedBackup:
            told = {"reason": made.reason, "bytes": made.bytes}
            await work.record("backups.created", ("backup", made.id, 1), told)
            return CreatedBackup(
                backup_id=made.id,
                bytes=made.bytes,
                sha256=made.sha256,
                head_seq=made.facts.head_seq,
                audit_head_seq=made.facts.audit_head_seq,
                audit_head_hash=made.facts.audit_head_hash,
            )

        return conclude

    return run


def require_file(store: Store) -> None:
    """Check that the database is a file, which is ours to back up.

    Raises:
        ServerDatabaseError: A server keeps it.
    """
    if store.engine.is_shared:
        raise ServerDatabaseError(
            "A server keeps the database: back it up and restore it there, by pg_dump, a standby or"
            " the provider's backups."
        )


_NEVER = -1


class Shelf:
    """Knows which backups there are, without reading their manifests each time."""

    def __init__(self) -> None:
        self._at = _NEVER
        self._backups: list[Backup] = []
        self._bad: set[str] = set()

    async def look(self, store: Store) -> list[Backup]:
        """Return the backups of the store, the newest first."""
        at = _changed_at(store.backup_folder)
        if at != self._at:
            self._backups = await asyncio.to_thread(store.backups)
            self._at = at
        return self._backups

    def forget(self) -> None:
        """Look again next time: the folder's time may be too coarse to tell of a change."""
        self._at = _NEVER

    async def find(self, store: Store, backup_id: str) -> Backup | None:
        """Return the backup of that id, or None."""
        found = [backup for backup in await self.look(store) if backup.id == backup_id]
        return found[0] if found else None

    async def newest(self, store: Store, reason: Reason) -> datetime | None:
        """Return when the newest one with that reason was made, if there is one."""
        made = (backup.created_at for backup in await self.look(store) if backup.reason == reason)
        return next(made, None)

    def judge(self, store: Store, path: Path, *, is_sound: bool) -> None:
        """Note how a backup was found when it was looked through again, if it is the store's own.

        A copy elsewhere has the same name, and says nothing of it.
        """
        folder, backup_id = store.backup_folder, path.stem
        if folder is None or path.resolve() != (folder / f"{backup_id}.db").resolve():
            return
        if is_sound:
            self._bad.discard(backup_id)
        else:
            self._bad.add(backup_id)

    async def last(self, store: Store, now_ms: int) -> LastBackup | None:
        """Return the newest backup and whether it can be relied on."""
        for backup in await self.look(store):
            return LastBackup(
                id=backup.id,
                created_at=backup.created_at,
                age_seconds=age_of(backup, now_ms),
                verdict="damaged" if backup.id in self._bad else "ok",
            )
        return None


def _changed_at(folder: Path | None) -> int:
    """Return when a file of the folder was added or removed, in ns; 0 if there is no folder."""
    try:
        return folder.stat().st_mtime_ns if folder else 0
    except OSError:
        return 0


def age_of(backup: Backup, now_ms: int) -> int:
    """Return how long ago it was made, in seconds; never less than 0, whatever the clock says."""
    age = datetime.fromtimestamp(now_ms / 1_000, UTC) - backup.created_at
    return max(0, age // timedelta(seconds=1))


def entry_of(backup: Backup, store: Store, now_ms: int) -> BackupEntry:
    """Return a backup's line in the list."""
    return BackupEntry(
        id=backup.id,
        reason=backup.reason,
        created_at=backup.created_at,
        age_seconds=age_of(backup, now_ms),
        bytes=backup.bytes,
        head_seq=backup.facts.head_seq,
        audit_head_seq=backup.facts.audit_head_seq,
        schema_version=backup.facts.schema_version,
        is_encrypted=backup.is_encrypted,
        opens=store.opens(backup),
    )
