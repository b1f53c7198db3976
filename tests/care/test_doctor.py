"""What `rpcbackend doctor` sees, says, mends, and leaves alone."""

import asyncio
import os
from base64 import urlsafe_b64encode
from contextlib import closing
from io import StringIO
from pathlib import Path

import pytest
import sqlcipher3

from rpcbackend.care import doctor
from rpcbackend.care.doctor import Wanted, see_doctor
from rpcbackend.store import DirectoryLock
from rpcbackend.testing import FrozenClock
from tests.clauses import clause
from tests.factories import KEY, store_in
from tests.store.damage import connect, fill, leaves_with, spoil

LOOK, REPAIR = Wanted(), Wanted(repair=True)


@pytest.fixture(autouse=True)
def spare_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Harden nothing; tests/security/test_process.py sees it done in a process of its own."""
    for name in ("make_files_private", "harden"):
        monkeypatch.setattr(doctor, name, lambda: None)
    monkeypatch.setenv("RPCBACKEND_DISK__READ_ONLY_BYTES", "0")
    monkeypatch.setenv("RPCBACKEND_DISK__WARN_BYTES", "0")
    monkeypatch.setenv("RPCBACKEND_DISK__BALLAST_BYTES", "4096")


def see(directory: Path, wanted: Wanted = LOOK, key: bytes | None = None) -> int:
    keys = StringIO(urlsafe_b64encode(key).decode() + "\n" if key else "")
    return see_doctor(directory, keys, wanted, FrozenClock())


def make(directory: Path, key: bytes | None = None) -> None:
    asyncio.run(fill(directory, key, students=200))
    directory.chmod(0o700)


def contents_of(directory: Path) -> dict[str, bytes]:
    return {
        file.name: file.read_bytes()
        for file in directory.iterdir()
        if file.is_file() and file.name != "backend.lock"
    }


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
def test_a_sound_store_is_fine_and_not_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], key: bytes | None
) -> None:
    make(tmp_path, key)
    before = contents_of(tmp_path)

    assert see(tmp_path, key=key) == 0

    said = capsys.readouterr().out
    assert "✓ every page, reference, event, claim and row of the audit is sound" in said
    assert "! there is no backup\n  → make one: rpcbackend backup" in said
    assert "✗" not in said
    assert contents_of(tmp_path) == before


def test_what_is_safe_to_mend_is_mended_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path)
    tmp_path.chmod(0o755)
    (tmp_path / "school.db").chmod(0o644)
    (tmp_path / "school.db.new").write_bytes(b"half")

    assert see(tmp_path) == 0
    assert "let rpcbackend doctor --repair do it" in capsys.readouterr().out
    assert (tmp_path / "school.db.new").exists()
    assert see(tmp_path, REPAIR) == 0

    said = capsys.readouterr().out
    assert "✓ left of work that was cut short: school.db.new: mended" in said
    assert "✓ no room is kept back for a full disk: mended" in said
    assert [path.stat().st_mode & 0o077 for path in (tmp_path, tmp_path / "school.db")] == [0, 0]
    assert (tmp_path / "school.ballast").stat().st_size == 4_096
    assert not (tmp_path / "school.db.new").exists()


def test_a_log_that_was_left_is_folded_in_when_that_is_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave_log(tmp_path)

    assert see(tmp_path) == 0
    assert (tmp_path / "school.db-wal").stat().st_size > 0
    assert see(tmp_path, REPAIR) == 0

    assert "✓ the program did not end cleanly: a log is left: mended" in capsys.readouterr().out
    assert not (tmp_path / "school.db-wal").exists()


def leave_log(directory: Path) -> None:
    """Write, and end as a kill does."""
    make(directory)
    child = os.fork()
    if child == 0:
        connection = connect(directory / "school.db", None)
        connection.execute("UPDATE branches SET name = 'Ost'")
        connection.commit()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def test_indexes_that_do_not_fit_are_built_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path)
    forge(tmp_path / "school.db", "students_by_birth")

    assert see(tmp_path) == 0
    assert "! indexes do not fit their tables: students:" in capsys.readouterr().out
    assert see(tmp_path, REPAIR) == 0

    assert "indexes do not fit their tables" in capsys.readouterr().out
    assert see(tmp_path) == 0
    assert "is sound" in capsys.readouterr().out


def forge(file: Path, index: str) -> None:
    """Change rows while the database has forgotten one of its indexes."""
    with closing(connect(file, None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        row = connection.execute("SELECT * FROM sqlite_schema WHERE name = ?", (index,)).fetchone()
        connection.execute("DELETE FROM sqlite_schema WHERE name = ?", (index,))
        connection.commit()
    with closing(connect(file, None)) as connection:
        connection.execute("UPDATE students SET born_on = '2001-01-01'")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", row)
        connection.commit()


@clause("damage-explained")
def test_a_damaged_store_is_left_as_it_is_and_what_to_do_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path)
    file = tmp_path / "school.db"
    spoil(file, leaves_with(file, b"ada 100"))
    before = contents_of(tmp_path)

    assert see(tmp_path) == 74
    assert "✗ students: cannot be read to the end" in capsys.readouterr().out
    assert contents_of(tmp_path) == before
    assert not (tmp_path / "quarantine").exists()
    assert see(tmp_path, REPAIR) == 74

    said = capsys.readouterr().out
    assert "(1) restore a backup from elsewhere, with rpcbackend restore" in said
    assert file.read_bytes() == before["school.db"]
    (copy,) = (tmp_path / "quarantine").iterdir()
    assert (copy / "school.db").read_bytes() == before["school.db"]


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
def test_salvage_puts_a_sound_store_in_place_when_that_is_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], key: bytes | None
) -> None:
    make(tmp_path, key)
    file = tmp_path / "school.db"
    # One near the end, behind what the list of tables takes.
    spoil(file, [file.stat().st_size // 4_096 - 3])
    before = file.read_bytes()

    assert see(tmp_path, Wanted(salvage=True), key) == 74
    assert "! the damaged database is still in its place" in capsys.readouterr().out
    assert file.read_bytes() == before
    see(tmp_path, Wanted(salvage=True, replace=True), key)

    said = capsys.readouterr().out
    assert "✓ what was saved is in place; the damaged files are in" in said
    assert "rows are saved; " in said
    assert "--replace" not in said
    (copy,) = (tmp_path / "quarantine").iterdir()
    assert (copy / "school.db").read_bytes() == before
    see(tmp_path, LOOK, key)
    assert "cannot be read" not in capsys.readouterr().out


def test_a_sound_store_is_not_salvaged_and_never_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path)
    before = contents_of(tmp_path)

    assert see(tmp_path, Wanted(salvage=True, replace=True)) == 0

    assert "✓ there is nothing to salvage: no page was found damaged" in capsys.readouterr().out
    assert contents_of(tmp_path) == before
    assert not any((tmp_path / name).exists() for name in ("quarantine", "salvage"))


@pytest.mark.parametrize(("least", "code"), [(0, 0), (1 << 60, 74)], ids=["room", "no room"])
def test_what_another_database_does_not_mend_still_counts_once_it_is_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, least: int, code: int
) -> None:
    make(tmp_path)
    spoil_index(tmp_path / "school.db", "students_by_birth")
    monkeypatch.setenv("RPCBACKEND_DISK__READ_ONLY_BYTES", f"{least}")

    assert see(tmp_path) == 74
    assert see(tmp_path, Wanted(salvage=True, replace=True)) == code


def spoil_index(file: Path, index: str) -> None:
    """Turn over a page that holds nothing but what can be built anew."""
    with closing(connect(file, None)) as connection:
        query = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
        (page,) = connection.execute(query, (index,)).fetchone()
    spoil(file, [page])


def test_a_store_in_use_is_not_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = DirectoryLock(tmp_path)
    try:
        assert see(tmp_path) == 69
    finally:
        lock.release()

    assert f"(process {os.getpid()})" in capsys.readouterr().err


def test_a_wrong_key_is_said_with_77(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path, KEY)
    before = contents_of(tmp_path)

    assert see(tmp_path, REPAIR, bytes(32)) == 77

    assert "✗ the key does not open the database" in capsys.readouterr().out
    assert {name: contents_of(tmp_path)[name] for name in before} == before


def test_an_encrypted_store_wants_its_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path, KEY)

    assert see(tmp_path) == 64

    assert "its key is wanted on stdin" in capsys.readouterr().err


def test_a_store_of_a_newer_program_is_said_with_79_and_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path)
    connection = connect(tmp_path / "school.db", None)
    connection.execute("PRAGMA user_version = 999")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    before = contents_of(tmp_path)

    assert see(tmp_path) == 79

    assert "a newer version of this program wrote the database (version 999)" in (
        capsys.readouterr().out
    )
    assert contents_of(tmp_path) == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "! there is no database here yet"),
        (b"", "✗ the database is missing or empty"),
        (b"SQLite format 3\0" + b"garbage" * 1_000, "✗ the file is no database any more"),
    ],
    ids=["none", "empty", "no database"],
)
def test_what_is_no_store_is_told_apart_and_left_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "school.db").write_bytes(content)
    before = contents_of(tmp_path)

    assert see(tmp_path) == (0 if content is None else 74)

    assert said in capsys.readouterr().out
    assert contents_of(tmp_path) == before


def test_another_program_s_database_is_not_touched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = sqlcipher3.connect(tmp_path / "school.db")
    foreign.execute("CREATE TABLE t (x)")
    foreign.close()
    before = contents_of(tmp_path)

    assert see(tmp_path, REPAIR) == 74

    assert "✗ the file is another program's database" in capsys.readouterr().out
    assert contents_of(tmp_path)["school.db"] == before["school.db"]


def test_a_folder_that_is_not_there_is_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert see(tmp_path / "nowhere") == 64

    assert "there is no folder" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()


def test_a_clock_behind_the_store_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def write_tomorrow() -> None:
        clock = FrozenClock()
        clock.advance(86_400)
        async with store_in(tmp_path, clock=clock) as store:
            await store.write(
                lambda work: work.record("x.y", ("branch", "bra", 1), {}), actor="tests"
            )

    asyncio.run(write_tomorrow())

    assert see(tmp_path) == 0

    assert "! the database is 1 day, 0:00:00 ahead of this machine's clock" in (
        capsys.readouterr().out
    )


def test_replacing_without_salvage_makes_no_sense(capsys: pytest.CaptureFixture[str]) -> None:
    from rpcbackend.cli import main  # noqa: PLC0415 (the command line alone knows)

    assert main(["doctor", "--replace"]) == 64

    assert "--replace goes with --salvage" in capsys.readouterr().err


def test_the_last_backup_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def back_up() -> str:
        async with store_in(tmp_path) as store:
            return (await store.backup("manual")).id

    make(tmp_path)
    backup_id = asyncio.run(back_up())

    assert see(tmp_path) == 0
    assert f"✓ the last verified backup is {backup_id}" in capsys.readouterr().out
    file = tmp_path / "school.db"
    spoil(file, leaves_with(file, b"ada 100"))
    assert see(tmp_path, REPAIR) == 74

    advice = f"(1) restore the last verified backup, with rpcbackend restore {backup_id};"
    assert advice in capsys.readouterr().out
