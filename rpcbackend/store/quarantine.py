"""A damaged database put aside: a copy of all of its files, before anybody tries to mend it."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

from rpcbackend.store.files import FILE_NAME, make_private

FOLDER_NAME = "quarantine"

FILES = (FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm")

ROOM_BYTES = 64 * 1024 * 1024
"""Free space that a copy leaves to others."""


def put_aside(directory: Path, now_ms: int) -> Path | None:
    """Copy the database's files to `quarantine/<utc>/`, once, and return where they are.

    No connection may be open: closing a file lets go of the locks that SQLite holds on it.

    Returns:
        None if there is no room for a copy, or it cannot be made; the files stay as they are.
    """
    folder = directory / FOLDER_NAME
    files = [path for path in (directory / name for name in FILES) if path.exists()]
    try:
        known = next((copy for copy in folder.glob("*Z") if _is_copy(copy, files)), None)
        if known is not None:
            return known
        if shutil.disk_usage(directory).free < sum(map(_size, files)) + ROOM_BYTES:
            return None
        make_private(folder)
        return _copy(files, folder_at(directory, now_ms))
    except OSError:
        return None


def folder_at(directory: Path, now_ms: int) -> Path:
    """Return where what is put aside at this time goes."""
    at = datetime.fromtimestamp(now_ms / 1_000, UTC).strftime("%Y-%m-%dT%H%M%S.%fZ")
    return directory / FOLDER_NAME / at


def _is_copy(copy: Path, files: list[Path]) -> bool:
    return all(
        (copy / file.name).exists()
        and (_size(copy / file.name), _changed_at(copy / file.name))
        == (_size(file), _changed_at(file))
        for file in files
        # Whoever looks at a database makes this one anew.
        if not file.name.endswith("-shm")
    )


def _copy(files: list[Path], copy: Path) -> Path:
    new = copy.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    make_private(new)
    try:
        for file in files:
            shutil.copy2(file, new / file.name)
            (new / file.name).chmod(0o600)
        new.rename(copy)
    except OSError:
        shutil.rmtree(new, ignore_errors=True)
        raise
    return copy


def _size(path: Path) -> int:
    return path.stat().st_size


def _changed_at(path: Path) -> int:
    return path.stat().st_mtime_ns
