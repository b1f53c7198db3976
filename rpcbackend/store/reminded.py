"""What a restore must not remind of again: the lessons whose students were reminded since."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rpcbackend.schema.templates import TemplateKind
from rpcbackend.store.settled import COLUMNS, add_again
from rpcbackend.store.still import reader_of
from rpcbackend.store.transaction import Report
from rpcbackend.store.work import Work

FIRST_VERSION = 14
"""Of the schema, that has reminders."""

Reminded = Mapping[str, Any]
"""A row of the outbox."""

# What waits and was never tried is composed anew once it is due. Others say so by a call.
_SENT = f"""
SELECT {COLUMNS} FROM outbox
WHERE template = :kind AND instr(dedupe_key, '/' || :kind || '/') > 0
  AND state <> 'cancelled' AND (attempts > 0 OR lease > 0) ORDER BY id
"""  # noqa: S608 (our own columns)

_STARTS_THEN = """
SELECT 1 FROM lessons
WHERE school_id = :school AND id = :lesson AND starts_at * 1000 = :not_after
"""

# Another one with its key was queued in the backup, and was withdrawn before this one went.
_IN_ITS_PLACE = """
UPDATE outbox SET state = 'cancelled', is_withdrawn = 1, ended_at = :now
WHERE school_id = :school AND dedupe_key = :key AND id <> :id AND state IN ('queued', 'failed')
"""

_DONE = "UPDATE reminders SET due_at = NULL WHERE school_id = :school AND lesson_id = :lesson"


def reminded_in(path: Path, key: bytes | None) -> Callable[[Report], Sequence[Reminded]]:
    """Return what reads the reminders that were sent, or may have been, from a still database."""
    return reader_of(path, key, _look, "who was reminded")


def _look(connection: Any, version: int) -> Sequence[Reminded]:
    if version < FIRST_VERSION:
        return []
    kind = TemplateKind.LESSON_REMINDER.value
    return [dict(row) for row in connection.execute(_SENT, {"kind": kind}).fetchall()]


async def remind_no_more(work: Work, reminded: Sequence[Reminded]) -> None:
    """Let no student of a restored store be reminded twice of one start of his lesson.

    The message is there again, as it was: one that was on its way goes on under its id. A lesson
    that starts at another time in the backup is another matter, and is reminded of.
    """
    for message in reminded:
        # As `rpcbackend.notices.keys` writes them: student, purpose, lesson, version, and more.
        lesson = message["dedupe_key"].split("/")[2]
        if await work.tx.one(_STARTS_THEN, lesson=lesson, not_after=message["not_after"]):
            key = message["dedupe_key"]
            await work.tx.run(_IN_ITS_PLACE, key=key, id=message["id"], now=work.now_ms)
            await work.waiting.free_key(key)
            await add_again(work, message)
            await work.tx.run(_DONE, lesson=lesson)
