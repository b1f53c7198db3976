"""Whether a database file that nobody uses is sound, and what is wrong with it if it is not.

Everything here runs on the thread that calls it, and takes seconds for a large file.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rpcbackend.store import driver
from rpcbackend.store.audit import ROOT, Audit
from rpcbackend.store.backups import Backup, Facts, NoBackupError, mark_of, read_backup
from rpcbackend.store.migrations import latest_version, migrate, version_of
from rpcbackend.store.statements import SqliteTransaction
from rpcbackend.store.transaction import Report, drive

CHUNK_BYTES = 1024 * 1024
CHAIN_ROWS = 5_000

Fault = tuple[str, str]
"""A word for programs, such as `checksum`, and a sentence for people; no path, no value."""

_TABLES = """
SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name
"""
_SCHEMA = """
SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found out about a database file."""

    faults: tuple[Fault, ...]
    facts: Facts | None
    """None when it cannot be read at all."""
    backup: Backup | None
    """What its manifest tells, if it has one."""

    @property
    def is_sound(self) -> bool:
        """Whether a school can work with it."""
        return not self.faults

    @property
    def is_too_new(self) -> bool:
        """Whether a newer version of this program wrote it: sound perhaps, but not for us."""
        return any(word == "schema_too_new" for word, _ in self.faults)


def verify_backup(
    path: Path, key: bytes | None, report: Report, *, copy_of: Path | None = None
) -> Verdict:
    """Look through a backup, or any database file that nobody uses, without changing a byte.

    With a manifest beside it, the file must also be the one that the manifest tells of.

    Args:
        path: Of the database.
        key: What it is encrypted with, None for a plain one.
        report: Called on this thread.
        copy_of: Whose manifest counts, if not its own.
    """
    faults: list[Fault] = []
    backup = None
    original = copy_of or path
    if original.with_suffix(".json").exists():
        try:
            backup = read_backup(original)
        except NoBackupError:
            faults.append(("manifest", "its manifest cannot be read, or is of another file"))
    if backup is not None and sha256_of(path, report) != backup.sha256:
        faults.append(("checksum", "the file is not the one that was made: its SHA-256 differs"))
    facts, found = look_through(path, key, report)
    if backup is not None:
        if facts is not None and facts != backup.facts:
            faults.append(("facts", "it holds other rows than its manifest tells"))
        if any(word == "key" for word, _ in found) and mark_of(key) != backup.key_mark:
            found = [("key", "it was made under another key")]
    return Verdict(faults=(*faults, *found), facts=facts, backup=backup)


def look_through(path: Path, key: bytes | None, report: Report) -> tuple[Facts | None, list[Fault]]:
    """Return what is in a file that nobody uses, and what is wrong with it."""
    try:
        connection = _open(path, key)
        try:
            _check_cheaply(connection)
            # It looks into the file alone, not into the log.
            if key is not None and not driver.has_log(path):
                _check_pages(connection, report)
            return facts_of(connection), list(_faults_of(connection, report))
        finally:
            connection.close()
    except _FlawError as flaw:
        return None, [flaw.fault]
    except (driver.Error, UnicodeDecodeError):
        return None, [("damage", "a part of it cannot be read")]


def is_key_of(path: Path, key: bytes | None) -> bool:
    """Tell whether a key opens a database that nobody uses, damaged or not.

    A damaged first page looks like another key: no key opens it.
    """
    try:
        driver.open_still(path, key).close()
    except driver.WrongKeyError:
        return False
    except (driver.Error, driver.StorageFailedError, UnicodeDecodeError):
        # It came to what the key protects.
        return True
    return True


class _FlawError(Exception):
    """Something that makes it pointless to look further."""

    def __init__(self, word: str, sentence: str) -> None:
        self.fault: Fault = (word, sentence)
        super().__init__(sentence)


def _open(path: Path, key: bytes | None) -> Any:
    if not path.is_file():
        raise _FlawError("missing", "there is no such file")
    try:
        return driver.open_still(path, key)
    except driver.WrongKeyError:
        raise _FlawError("key", "the key does not open it, or it is no database") from None
    except driver.StorageFailedError:
        raise _FlawError("foreign", "it is another program's database") from None


def _check_cheaply(connection: Any) -> None:
    if version_of(connection) > latest_version():
        raise _FlawError("schema_too_new", "a newer version of this program wrote it")
    if version_of(connection) == 0 or _schema(connection) != _schema_of(version_of(connection)):
        raise _FlawError("schema", "its tables are not those that this program makes")


def _check_pages(connection: Any, report: Report) -> None:
    report(0, 1, "checking pages")
    if connection.execute("PRAGMA cipher_integrity_check").fetchone() is not None:
        raise _FlawError("damage", "pages do not fit their checksums")


def facts_of(connection: Any) -> Facts:
    """Count what is in the database, in the transaction that the connection is in."""
    tables = _names(connection)
    link = drive(Audit(SqliteTransaction(connection, 1)).head()) if "audit" in tables else ROOT
    head_seq = connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
    return Facts(
        schema_version=version_of(connection),
        head_seq=head_seq,
        audit_head_seq=link.seq,
        audit_head_hash=link.hash.hex(),
        rows={
            table: connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]  # noqa: S608 (names from the schema)
            for table in tables
        },
    )


def sha256_of(path: Path, report: Report) -> str:
    """Return the SHA-256 of a file, in hex."""
    digest, total = hashlib.sha256(), path.stat().st_size
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            report(file.tell(), total, "adding up")
    return digest.hexdigest()


def _names(connection: Any) -> list[str]:
    return [row[0] for row in connection.execute(_TABLES)]


def _faults_of(connection: Any, report: Report) -> Iterator[Fault]:
    tables = _names(connection)
    for done, table in enumerate(tables):
        report(done, len(tables) + 2, table)
        sql = "SELECT integrity_check FROM pragma_integrity_check(:table)"
        if connection.execute(sql, {"table": table}).fetchone()[0] != "ok":
            yield "damage", f"the table {table} is damaged"
    report(len(tables), len(tables) + 2, "references")
    if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        yield "damage", "it has pages that belong to nothing"
    if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
        yield "references", "rows refer to others that are missing"
    if "audit" in tables and (bad := _first_bad_link(connection, report)) is not None:
        yield "audit", f"row {bad} of the audit is not as it was written"


def _schema(connection: Any) -> list[tuple[str, ...]]:
    return [tuple(row) for row in connection.execute(_SCHEMA)]


@cache
def _schema_of(version: int) -> list[tuple[str, ...]]:
    connection = driver.Opener(None, None, may_write=True)()
    try:
        migrate(connection, 0, to=version)
        return _schema(connection)
    finally:
        connection.close()


def _first_bad_link(connection: Any, report: Report) -> int | None:
    audit = Audit(SqliteTransaction(connection, 1))
    link, head = ROOT, drive(audit.head())
    while link.seq < head.seq:
        report(link.seq, head.seq, "the audit")
        further = drive(audit.follow(link, head.seq, CHAIN_ROWS))
        if further == link:
            return link.seq + 1
        link = further
    return None
