"""What a restore must not unsay: what students agreed to, and refused, since the backup."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from rpcbackend.schema.consents import Consent
from rpcbackend.store.still import reader_of
from rpcbackend.store.transaction import Report
from rpcbackend.store.work import Work

FIRST_VERSION = 14
"""Of the schema, that has consents."""

_ALL = """
SELECT id, student_id, purpose, channel, is_granted, source, text_version, recorded_at, actor,
  version
FROM consents ORDER BY student_id, purpose, channel, version
"""

_LAST = """
SELECT version, recorded_at FROM consents
WHERE school_id = :school AND student_id = :student AND purpose = :purpose AND channel = :channel
ORDER BY version DESC LIMIT 1
"""


def said_in(path: Path, key: bytes | None) -> Callable[[Report], Sequence[Consent]]:
    """Return what reads all that was ever said from a database that nobody writes to."""
    return reader_of(path, key, _look, "what was agreed to")


def _look(connection: Any, version: int) -> Sequence[Consent]:
    if version < FIRST_VERSION:
        return []
    return [_consent(dict(row)) for row in connection.execute(_ALL).fetchall()]


def _consent(row: dict[str, Any]) -> Consent:
    at = datetime.fromtimestamp(row["recorded_at"], UTC)
    return Consent(**row | {"is_granted": bool(row["is_granted"]), "recorded_at": at})


async def say_again(work: Work, said: Sequence[Consent]) -> None:
    """Add to a restored store what was said since, and send no more of what was refused.

    Args:
        work: Of the restored store.
        said: By student, purpose and channel, in the order in which it was said.
    """
    known = {
        row["id"] for row in await work.tx.all("SELECT id FROM consents WHERE school_id = :school")
    }
    students = {
        row["id"] for row in await work.tx.all("SELECT id FROM students WHERE school_id = :school")
    }
    missing = [each for each in said if each.id not in known and each.student_id in students]
    for _, about in groupby(missing, key=lambda one: (one.student_id, one.purpose, one.channel)):
        await _add(work, list(about))


async def _add(work: Work, missing: Sequence[Consent]) -> None:
    first = missing[0]
    last = await work.tx.one(
        _LAST, student=first.student_id, purpose=first.purpose, channel=first.channel
    )
    version, last_at = (last["version"], last["recorded_at"]) if last else (0, 0)
    for consent in missing:
        # The backup may be of a store that was restored before, and know what was said after that.
        is_late = consent.version <= version and consent.recorded_at.timestamp() < last_at
        if is_late and consent.is_granted:
            continue
        version = max(consent.version, version + 1)
        await work.consents.add(consent.model_copy(update={"version": version}))
    if not missing[-1].is_granted:
        # As `rpcbackend.notices.keys` has it.
        await work.waiting.withdraw(f"{first.student_id}/{first.purpose}/", first.channel)
