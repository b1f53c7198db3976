"""Where a file that leaves the store may be, and how it gets its name."""

import hashlib
import sys
from contextlib import suppress
from pathlib import Path

from loguru import logger

from rpcbackend.errors import FileRefusedError
from rpcbackend.store.files import sync_folder


def check_place(path: Path, database: Path | None) -> None:
    """Check that a file may be made there.

    Raises:
        FileRefusedError: It is in the data directory, or leads in a circle.
        FileExistsError: There is one.
        OSError: It cannot be looked at.
    """
    try:
        folders = path.resolve().parents
    except RuntimeError:
        raise FileRefusedError("The path leads in a circle; choose another one.") from None
    # What is in there is encrypted, or private, and means something to us by its name. The same
    # folder may be spelled in several ways.
    if database and any(each.exists() and each.samefile(database.parent) for each in folders):
        raise FileRefusedError("The data directory is no place for an export; choose another one.")
    if path.exists():
        raise FileExistsError


def put_in_place(stage: Path, path: Path) -> None:
    """Give the file its name, unless somebody else has it by now.

    Raises:
        FileExistsError: Somebody has.
        OSError: The folder takes no name.
    """
    try:
        if sys.platform == "win32":
            # It refuses a name that is taken; elsewhere it would take the place.
            stage.rename(path)
        else:
            path.hardlink_to(stage)
    except FileExistsError:
        raise
    except OSError:
        # A stick, or another system's disk, that knows no second name for a file.
        if path.exists():
            raise FileExistsError from None
        stage.rename(path)


def name_whole(stage: Path, path: Path, sha256: str) -> bool:
    """Give a file its name that was whole when the process died; False if it is not there.

    Raises:
        FileExistsError: Another one has the name.
        OSError: The folder takes no name.
    """
    if not _is(path, sha256):
        if not _is(stage, sha256):
            return False
        put_in_place(stage, path)
    tidy(stage)
    return True


def _is(path: Path, sha256: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False


def tidy(part: Path) -> None:
    """Remove what is left under the file's name while it was written, and sync the folder."""
    try:
        part.unlink(missing_ok=True)
    except OSError as error:
        # By its number: the message has the path.
        logger.bind(errno=error.errno).warning("{} of an export stays behind", part.name)
    # The file is whole and has its name, also where a folder cannot be made durable.
    with suppress(OSError):
        sync_folder(part.parent)
