"""How the sealed secrets follow when the key of a database file is changed."""

from contextlib import suppress
from typing import Any

from rpcbackend.store.backups import mark_of
from rpcbackend.store.sealing import PLAIN, BoxDamagedError, BoxKey

_FORGET = """
DELETE FROM sealed WHERE key_mark <> :mark AND EXISTS (
  SELECT 1 FROM sealed AS good WHERE good.school_id = sealed.school_id
    AND good.place = sealed.place AND good.key_mark = :mark)
"""


def seal_for(connection: Any, old: bytes | None, new: bytes) -> None:
    """Add to each box one under the key that is to come: whichever counts then opens one."""
    forget_others(connection, old)
    _seal(
        connection,
        old,
        new,
        "INSERT INTO sealed (school_id, place, key_mark, box)"
        " VALUES (:school, :place, :mark, :box)",
    )


def seal_anew(connection: Any, old: bytes | None, new: bytes) -> None:
    """Put the boxes of a file that nobody uses under another key; there are as many as before."""
    _seal(
        connection,
        old,
        new,
        "UPDATE sealed SET key_mark = :mark, box = :box"
        " WHERE school_id = :school AND place = :place AND key_mark = :old_mark",
    )


def forget_others(connection: Any, key: bytes | None) -> None:
    """Remove the boxes beside those that this key, which counts, opens."""
    if _has_boxes(connection):
        connection.execute(_FORGET, {"mark": mark_of(key) or PLAIN})


def _seal(connection: Any, old: bytes | None, new: bytes, statement: str) -> None:
    if not _has_boxes(connection):
        return
    old_key, new_key = BoxKey(old), BoxKey(new)
    connection.execute("BEGIN IMMEDIATE")
    try:
        for school, place, box in connection.execute(
            "SELECT school_id, place, box FROM sealed WHERE key_mark = ?", (old_key.mark,)
        ).fetchall():
            # What was damaged opens under no key.
            with suppress(BoxDamagedError):
                row = {"school": school, "place": place, "mark": new_key.mark}
                row["box"] = new_key.seal(place, old_key.open(place, box))
                connection.execute(statement, row | {"old_mark": old_key.mark})
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _has_boxes(connection: Any) -> bool:
    """Tell whether there is any; an old backup has not even a table for them."""
    tables = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'sealed'").fetchall()
    return bool(tables and connection.execute("SELECT 1 FROM sealed LIMIT 1").fetchall())
