"""What can be done about a damaged database, in the order in which to try it."""

from pathlib import Path

from rpcbackend.store import folder_in, list_backups, put_aside


def put_aside_and_advise(directory: Path, now_ms: int) -> str:
    """Copy the files of a damaged database to the quarantine and say what to do, on one line.

    No connection to it may be open.
    """
    copy = put_aside(directory, now_ms)
    kept = f"a copy is in {copy}" if copy else "there is no room for a copy of it"
    return (
        f"the database in {directory} is damaged; it stays as it is, and {kept}."
        " What to do, in this order:"
        f" (1) {_restore(directory)};"
        " (2) save what can still be read, with rpcbackend doctor --salvage;"
        " (3) look at it as it is, with RPCBACKEND_READ_ONLY=true"
    )


def _restore(directory: Path) -> str:
    backups = list_backups(folder_in(directory))
    if not backups:
        return "restore a backup from elsewhere, with rpcbackend restore: there is none here"
    return f"restore the last verified backup, with rpcbackend restore {backups[0].id}"
