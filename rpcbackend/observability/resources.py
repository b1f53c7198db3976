"""What process and store need of the machine, looked at when somebody asks."""

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rpcbackend.store import Store

if TYPE_CHECKING:
    from psutil import Process


class Resources(NamedTuple):
    """What the process holds now, and the time it had."""

    cpu_seconds: float
    rss_bytes: int
    open_files: int
    threads: int


class Disk(NamedTuple):
    """What the files of a store take, and what is left."""

    database_bytes: int | None
    wal_bytes: int | None
    free_bytes: int | None
    """None where nobody can tell, on a share that is away, say."""


def look_at_disk(store: Store) -> Disk:
    """Return what the files of a store take; a disk may take long to say so."""
    if store.engine.is_shared:
        # The disk here is not the one under it.
        return Disk(None, None, None)
    facts = store.engine.facts()
    try:
        free = shutil.disk_usage(store.directory or Path.cwd()).free
    except OSError:
        free = None
    return Disk(facts.database_bytes, facts.wal_bytes, free)


def look_at_process() -> Resources:
    """Return what this process needs; 0.2 ms, and 10 ms more the first time, for the import."""
    import psutil  # noqa: PLC0415 (a start does without it)

    process = psutil.Process()
    with process.oneshot():
        cpu = process.cpu_times()
        return Resources(
            cpu_seconds=cpu.user + cpu.system,
            rss_bytes=process.memory_info().rss,
            open_files=_open_files(process),
            threads=process.num_threads(),
        )


def _open_files(process: "Process") -> int:
    if sys.platform == "win32":
        return process.num_handles()
    return process.num_fds()
