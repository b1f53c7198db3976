"""`rpcbackend doctor --salvage`: what can be saved of a damaged database, in words and figures."""

import re
from collections.abc import Callable
from pathlib import Path

from rpcbackend.clock import Clock
from rpcbackend.store import (
    Gap,
    Salvaged,
    TableSaved,
    UnsalvageableError,
    is_sound,
    path_in,
    replace_by,
    salvage,
)

Say = Callable[[str, str, str], None]
"""Takes a mark, what is so, and what to do about it."""

_SHOWN = re.compile(r"[a-z]{3}_[0-9a-f-]{36}|[0-9]{1,9}")

SHOWN = 5
"""Gaps of one table that are told one by one."""


def salvage_directory(
    directory: Path, key: bytes | None, clock: Clock, say: Say
) -> Salvaged | None:
    """Make a new database of what can be read, beside the damaged one, and say what is lost."""
    try:
        salvaged = salvage(path_in(directory), key, clock.now_ms(), lambda *_: None)
    except UnsalvageableError:
        say("✗", "nothing can be salvaged: the list of tables is lost", "restore a backup")
        return None
    except OSError as error:
        say("✗", f"nothing was salvaged: {error.strerror}", "free some room and try again")
        return None
    for table in salvaged.tables:
        _tell(table, say)
    for finding in salvaged.findings:
        say("!", finding.text, "")
    if not is_sound(salvaged.findings):
        say("✗", f"what was written to {salvaged.path} cannot be read", "check the disk")
        return None
    say("✓", f"what could be saved is in {salvaged.path}", "")
    return salvaged


def put_salvaged_in_place(directory: Path, salvaged: Salvaged, clock: Clock, say: Say) -> bool:
    """Let the new database take the place of the damaged one, which goes to the quarantine."""
    try:
        aside = replace_by(directory, salvaged.path, clock.now_ms())
    except OSError as error:
        say("✗", f"it could not be put in place: {error.strerror}", "free some room and try again")
        return False
    say("✓", f"what was saved is in place; the damaged files are in {aside}", "")
    return True


def _tell(table: TableSaved, say: Say) -> None:
    if table.is_whole:
        say("✓", f"{table.table}: all {table.saved:,} rows that there are", "")
        return
    numbered = [gap.lost or 0 for gap in table.gaps if table.is_numbered]
    counted = table.unread + sum(numbered)
    lost = [f"{counted:,} rows are lost"] if counted else []
    lost += [f"{table.refused:,} make no sense any more"] if table.refused else []
    lost += [_where(gap) for gap in table.gaps[:SHOWN]]
    if len(table.gaps) > SHOWN:
        lost.append(f"and in {len(table.gaps) - SHOWN} more places")
    say("!", f"{table.table}: {table.saved:,} rows are saved; {'; '.join(lost)}", "")


def _where(gap: Gap) -> str:
    after, before = _end(gap.after), _end(gap.before)
    if after and before:
        return f"something may be lost between {after} and {before}"
    if after or before:
        return f"something may be lost {'after' if after else 'before'} {after or before}"
    return "something may be lost, nobody knows where"


def _end(key: tuple[object, ...] | None) -> str:
    # Ids and numbers of rows; what else stands in a key is nobody's business, or a mere guess.
    texts = [str(part) for part in reversed(key or ())]
    return next((text for text in texts[:-1] if _SHOWN.fullmatch(text)), "")
