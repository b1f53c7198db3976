"""Who must not start or go on, with the exit code that tells the supervisor why.

65: test_bad_lines.py; 70: tests/test_serve.py; 74 under way: test_disk.py; 75: test_end.py,
test_overload.py and tests/test_serve.py.
"""

from pathlib import Path

import pytest
import sqlcipher3

from rpcbackend import PROTOCOL_VERSION
from tests.clauses import clause
from tests.e2e.backend import INITIALIZE, KEY, Start, run, shown
from tests.machine import request


async def test_an_unknown_option_exits_with_64(tmp_path: Path) -> None:
    code, out, err = await run("serve", "--data-dir", str(tmp_path), "--colour", "red")

    assert (code, out) == (64, b"")
    assert "unrecognized arguments: --colour red" in err


async def test_a_second_process_on_the_same_directory_exits_with_69(
    start: Start, tmp_path: Path
) -> None:
    first = await start()

    code, out, err = await run("serve", "--data-dir", str(tmp_path / "data"))

    assert (code, out) == (69, b"")
    assert err == (
        f"rpcbackend: {tmp_path / 'data'} is in use by another rpcbackend (process {first.pid})."
        " Close that program first, or choose another --data-dir.\n"
    )
    assert await first.call("ping") == {}


async def test_a_data_directory_that_cannot_be_made_exits_with_73(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    code, out, err = await run("serve", "--data-dir", str(tmp_path / "file" / "data"))

    assert (code, out) == (73, b"")
    assert err == (
        f"rpcbackend: {tmp_path / 'file' / 'data'} cannot be used as data directory:"
        " Not a directory\n"
    )


@pytest.mark.parametrize(
    "content",
    [b"SQLite format 3\0" + b"garbage" * 1_000, b"SQLite format 3\0"],
    ids=["long", "cut"],
)
async def test_a_damaged_store_exits_with_74_and_says_what_to_do(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "school.db").write_bytes(content)

    code, out, err = await run("serve", "--data-dir", str(tmp_path))

    assert (code, out) == (74, b"")
    (copy,) = (tmp_path / "quarantine").iterdir()
    assert err == (
        f"rpcbackend: the database in {tmp_path} is damaged; it stays as it is, and a copy is in"
        f" {copy}. What to do, in this order:"
        " (1) restore a backup from elsewhere, with rpcbackend restore: there is none here;"
        " (2) save what can still be read, with rpcbackend doctor --salvage;"
        " (3) look at it as it is, with RPCBACKEND_READ_ONLY=true\n"
    )
    assert (tmp_path / "school.db").read_bytes() == content
    assert (copy / "school.db").read_bytes() == content


@clause("initialize-version")
async def test_another_version_of_the_protocol_is_refused_and_exits_with_76(start: Start) -> None:
    backend = await start()

    reply = await backend.ask(request(1, "initialize", **{**INITIALIZE, "protocolVersion": "2"}))

    assert shown(reply) == (1, -32602, "INVALID_PARAMS")
    assert reply["error"]["data"]["details"] == {"supported": [PROTOCOL_VERSION]}
    assert await backend.exit_code() == 76


@clause("initialize-wrong-key", "initialize-unlocks")
async def test_an_encrypted_store_waits_for_its_key_and_a_wrong_one_exits_with_77(
    start: Start, tmp_path: Path
) -> None:
    backend = await start()
    await backend.call("initialize", **INITIALIZE, databaseKey=KEY)
    await backend.call("branches.save", name="Mitte", zone="Europe/Berlin", currency="EUR")
    await backend.end()
    stored = (tmp_path / "data" / "school.db").read_bytes()

    locked = await start()
    refused = await locked.ask(request(1, "branches.list"))
    wrong = await locked.ask(request(2, "initialize", **INITIALIZE, databaseKey="B" * 43))

    assert shown(refused) == (1, -32012, "NOT_INITIALIZED")
    assert shown(wrong) == (2, -32012, "NOT_INITIALIZED")
    assert await locked.exit_code() == 77
    assert (tmp_path / "data" / "school.db").read_bytes() == stored
    assert b"Mitte" not in stored

    again = await start()
    await again.call("initialize", **INITIALIZE, databaseKey=KEY)
    assert [branch["name"] for branch in (await again.call("branches.list"))["items"]] == ["Mitte"]


async def test_a_configuration_that_does_not_fit_exits_with_78(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("drain_seconds = -1\n", encoding="utf-8")

    code, out, err = await run("serve", "--data-dir", str(tmp_path), "--config", str(config))

    assert (code, out) == (78, b"")
    assert "drain_seconds" in err
    assert "Traceback" not in err


async def test_a_store_of_a_newer_program_exits_with_79(tmp_path: Path) -> None:
    make_database(tmp_path)
    before = files_in(tmp_path)

    code, out, err = await run("serve", "--data-dir", str(tmp_path))

    assert (code, out) == (79, b"")
    assert err.startswith(
        "rpcbackend: The database was written by a newer version of this program; install that"
    )
    assert "Traceback" not in err
    assert files_in(tmp_path) == before


async def test_an_encrypted_store_of_a_newer_program_exits_with_79_too(
    start: Start, tmp_path: Path
) -> None:
    make_database(tmp_path / "data", key=bytes(32))
    before = files_in(tmp_path / "data")
    backend = await start()

    reply = await backend.ask(request(1, "initialize", **INITIALIZE, databaseKey=KEY))

    assert shown(reply) == (1, 1705, "SCHEMA_TOO_NEW")
    assert await backend.exit_code() == 79
    assert files_in(tmp_path / "data") == before


def files_in(directory: Path) -> dict[str, bytes]:
    files = (file for file in directory.iterdir() if file.name != "backend.lock")
    return {file.name: file.read_bytes() for file in files}


def make_database(directory: Path, key: bytes | None = None) -> None:
    """Make a database as only a later version of the program would."""
    directory.mkdir(exist_ok=True)
    database = sqlcipher3.connect(str(directory / "school.db"))
    if key is not None:
        database.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
    database.execute("PRAGMA user_version = 999")
    database.execute("CREATE TABLE t (x)")
    database.close()
