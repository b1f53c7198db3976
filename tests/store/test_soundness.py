"""Looking through a database file: what is wrong is named, and not a byte is changed."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlcipher3

from rpcbackend.store import Backup, Verdict, Work, is_key_of, verify_backup
from rpcbackend.store.audit import Command
from rpcbackend.store.driver import Opener
from tests.factories import KEY, add_all, make_branch, store_in

KEYS = pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])


def nobody(_done: int, _total: int, _message: str) -> None:
    """Hear of progress."""


def words_of(verdict: Verdict) -> list[str]:
    return [word for word, _ in verdict.faults]


def make_backup(directory: Path, key: bytes | None) -> Backup:
    async def make() -> Backup:
        async with store_in(directory, key=key) as store:
            await add_all(store)
            for name in ("Mitte", "Nord", "West"):
                await store.write(save(name), actor="tests")
            return await store.backup("daily")

    return asyncio.run(make())


def save(name: str) -> Callable[[Work], Any]:
    async def unit(work: Work) -> None:
        await work.branches.put(make_branch(name=name))

    command = Command(channel="branches.save")
    return lambda work: work.audited(unit, command)


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[tuple[Path, Any]]:
    """A plain database without a manifest, and a connection that may do anything to it."""
    path = make_backup(tmp_path, None).path.rename(tmp_path / "copy.db")
    connection = sqlcipher3.connect(path, isolation_level=None)
    yield path, connection
    connection.close()


@KEYS
def test_a_file_that_is_sound_is_left_as_it_is(tmp_path: Path, key: bytes | None) -> None:
    backup = make_backup(tmp_path, key)
    before = {path: path.read_bytes() for path in backup.path.parent.iterdir()}

    verdict = verify_backup(backup.path, key, nobody)

    assert verdict == Verdict(faults=(), facts=backup.facts, backup=backup)
    assert {path: path.read_bytes() for path in backup.path.parent.iterdir()} == before


def test_every_flipped_bit_of_a_backup_is_found(tmp_path: Path) -> None:
    backup = make_backup(tmp_path, KEY)
    sound = backup.path.read_bytes()

    for at in range(0, len(sound), len(sound) // 25):
        spoilt = bytearray(sound)
        spoilt[at] ^= 1
        backup.path.write_bytes(spoilt)
        # By its checksum, and by itself when there is none.
        assert "checksum" in words_of(verify_backup(backup.path, KEY, nobody))
        copy = backup.path.with_name("copy.db")
        copy.write_bytes(spoilt)
        assert set(words_of(verify_backup(copy, KEY, nobody))) <= {"damage", "key"}
        assert not verify_backup(copy, KEY, nobody).is_sound


@KEYS
@pytest.mark.parametrize("size", [0, 100, 4_096, 50_000])
def test_a_file_that_lost_its_end_is_not_sound(
    tmp_path: Path, key: bytes | None, size: int
) -> None:
    backup = make_backup(tmp_path, key)
    with backup.path.open("rb+") as file:
        file.truncate(size)

    verdict = verify_backup(backup.path, key, nobody)

    assert words_of(verdict)[0] == "manifest"
    assert len(verdict.faults) > 1


@KEYS
def test_another_key_is_told_from_damage(tmp_path: Path, key: bytes | None) -> None:
    backup = make_backup(tmp_path, key)

    verdict = verify_backup(backup.path, bytes(32), nobody)

    assert verdict.faults == (("key", "it was made under another key"),)


def test_a_newer_schema_is_told_from_damage(plain: tuple[Path, Any]) -> None:
    path, connection = plain
    connection.execute("PRAGMA user_version = 99")

    verdict = verify_backup(path, None, nobody)

    assert (words_of(verdict), verdict.is_too_new) == (["schema_too_new"], True)


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("CREATE TRIGGER evil AFTER INSERT ON events BEGIN DELETE FROM students; END", "schema"),
        ("CREATE VIEW evil AS SELECT 1", "schema"),
        ("DROP TABLE lessons", "schema"),
        ("PRAGMA user_version = 1", "schema"),
        ("PRAGMA user_version = 0", "schema"),
        ("PRAGMA application_id = 7", "foreign"),
        ("DELETE FROM branches", "references"),
    ],
)
def test_what_does_not_belong_there_or_is_missing_is_found(
    plain: tuple[Path, Any], statement: str, word: str
) -> None:
    path, connection = plain
    connection.execute(statement)

    assert words_of(verify_backup(path, None, nobody))[0] == word


def test_a_rewritten_row_of_the_audit_is_found(plain: tuple[Path, Any]) -> None:
    path, connection = plain
    triggers = connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'audit'"
    ).fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("UPDATE audit SET actor = 'somebody' WHERE seq = 2")
    for _, sql in triggers:
        connection.execute(sql)

    verdict = verify_backup(path, None, nobody)

    assert verdict.faults == (("audit", "row 2 of the audit is not as it was written"),)


def test_a_backup_with_other_rows_than_it_was_made_with_is_found(tmp_path: Path) -> None:
    backup = make_backup(tmp_path, None)
    connection = Opener(backup.path, None, may_write=True)()
    connection.execute("DELETE FROM vehicles")
    connection.close()

    assert {"checksum", "facts"} <= set(words_of(verify_backup(backup.path, None, nobody)))


def test_what_is_not_there_is_missing(tmp_path: Path) -> None:
    assert words_of(verify_backup(tmp_path / "none.db", None, nobody)) == ["missing"]


@KEYS
def test_a_key_is_told_from_another_however_damaged_the_rest_is(
    tmp_path: Path, key: bytes | None
) -> None:
    path = make_backup(tmp_path, key).path
    damaged = bytearray(path.read_bytes())

    assert (is_key_of(path, key), is_key_of(path, bytes(32))) == (True, False)
    damaged[4_096:] = bytes(len(damaged) - 4_096)
    path.write_bytes(damaged)
    assert (is_key_of(path, key), is_key_of(path, bytes(32))) == (True, False)
