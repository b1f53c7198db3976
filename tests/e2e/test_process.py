"""The real process: start, calls, bad input, and every way to end."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlcipher3

from rpcbackend import PROTOCOL_VERSION, __version__
from rpcbackend.contract.describe import describe
from rpcbackend.contract.shipped import contract_hash
from rpcbackend.store import DirectoryLock
from tests.clauses import clause
from tests.e2e.backend import COMMAND, KEY, TIMEOUT_SECONDS, Backend, run
from tests.machine import request

Start = Callable[..., Awaitable[Backend]]

INITIALIZE = {"protocolVersion": PROTOCOL_VERSION, "client": {"name": "test", "version": "1"}}

LOADED_AT_READY = """
aiosqlite annotated_types cython_runtime dotenv loguru orjson
pydantic pydantic_core pydantic_settings rpcbackend
sqlcipher3 typing_extensions typing_inspection uvloop
"""
"""What is not Python's own: each of these costs start-up time, so each is wanted (D9)."""


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Start processes that are up, on one data directory, and end those that still run."""
    started: list[Backend] = []

    async def start_one(*arguments: str, **environment: str) -> Backend:
        backend = await Backend.start(tmp_path / "data", *arguments, **environment)
        started.append(backend)
        ready = await backend.line()
        assert ready is None or ready["method"] == "system.ready"
        return backend

    yield start_one
    for backend in started:
        await backend.end()


# Start


@clause("ready-first-line")
async def test_the_first_line_says_that_the_process_is_ready(tmp_path: Path) -> None:
    backend = await Backend.start(tmp_path / "data")

    ready = await backend.line()

    boot_ms = ready["params"]["bootMs"]
    assert isinstance(boot_ms, int)
    assert ready == {
        "jsonrpc": "2.0",
        "method": "system.ready",
        "params": {
            "name": "rpcbackend",
            "version": __version__,
            "protocolVersion": PROTOCOL_VERSION,
            "contractHash": contract_hash(),
            "pid": backend.pid,
            "locked": False,
            "bootMs": boot_ms,
        },
    }
    assert await backend.end() == 0
    assert backend.stderr == ""


async def test_only_what_a_start_needs_is_loaded_at_ready(tmp_path: Path) -> None:
    program = """
import sys
from rpcbackend.cli import main
from rpcbackend.dispatch.server import Server
notify = Server.notify
def tell(self, method, params):
    sys.stderr.write(" ".join(sys.modules))
    notify(self, method, params)
Server.notify = tell
sys.exit(main(["serve", "--data-dir", sys.argv[1]]))
"""
    # A store that is there already is opened before ready, so the driver is part of the start.
    await run("call", "branches.list", "--data-dir", str(tmp_path))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, str(tmp_path)),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        # Measuring coverage would load more.
        env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")},
    )

    async with asyncio.timeout(TIMEOUT_SECONDS):
        _, told = await process.communicate(b"")

    # A stray print stands behind a bar.
    names = told.decode().removeprefix("| ").split()
    loaded = {name.partition(".")[0] for name in names}
    # Names with an underscore belong to the interpreter and its virtual environment.
    assert {
        name for name in loaded if name not in sys.stdlib_module_names and name[0] != "_"
    } == set(LOADED_AT_READY.split())


@clause("initialize-not-needed", "meta-seq")
async def test_the_readme_s_pipe_works(tmp_path: Path) -> None:
    code, out, err = await run(
        *("serve", "--data-dir", str(tmp_path)),
        given=b'{"jsonrpc":"2.0","id":1,"method":"branches.list"}\n'
        b'{"jsonrpc":"2.0","id":2,"method":"ping"}\n',
    )

    ready, *replies = map(orjson.loads, out.splitlines())
    assert (code, err, ready["method"]) == (0, "", "system.ready")
    assert sorted(replies, key=lambda reply: int(reply["id"])) == [
        {"jsonrpc": "2.0", "id": 1, "result": {"items": [], "_meta": {"seq": 0}}},
        {"jsonrpc": "2.0", "id": 2, "result": {}},
    ]


@clause("bad-bom")
async def test_a_byte_order_mark_before_the_first_line_does_no_harm(tmp_path: Path) -> None:
    code, out, _ = await run(
        *("serve", "--data-dir", str(tmp_path)),
        given=b'\xef\xbb\xbf{"jsonrpc":"2.0","id":1,"method":"ping"}\n',
    )

    assert code == 0
    assert orjson.loads(out.splitlines()[1]) == {"jsonrpc": "2.0", "id": 1, "result": {}}


# Bad input


def shown(reply: Any) -> tuple[Any, int, str]:
    """Return what identifies an error reply."""
    return reply["id"], reply["error"]["code"], reply["error"]["data"]["code"]


@clause("no-line-stops-the-process", "bad-too-long", "bad-scalar", "bad-version")
@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"{nonsense\n", (None, -32700, "PARSE_ERROR")),
        (b'\xff\xfe{"id":1}\n', (None, -32700, "PARSE_ERROR")),
        (b'"text"\n', (None, -32600, "INVALID_REQUEST")),
        (b"[]\n", (None, -32600, "INVALID_REQUEST")),
        (b'{"id":7,"method":"ping"}\n', (7, -32600, "INVALID_REQUEST")),
        (request(7, "students.fly"), (7, -32601, "METHOD_NOT_FOUND")),
        (request(7, "students.get"), (7, -32602, "INVALID_PARAMS")),
        (request(7, "students.get", studentId="' OR 1=1 --"), (7, -32602, "INVALID_PARAMS")),
        (b"x" * (4 * 1024 * 1024 + 1) + b"\n", (None, -32010, "REQUEST_TOO_LARGE")),
        (
            request(7, "students.get", studentId="stu_01930000-0000-7000-8000-000000000000"),
            (7, 1102, "NOT_FOUND"),
        ),
    ],
    ids=[
        "no-json",
        "no-utf8",
        "no-object",
        "empty-batch",
        "no-version",
        "no-channel",
        "missing",
        "injection",
        "too-long",
        "unknown-id",
    ],
)
async def test_bad_input_is_named_and_the_next_line_served(
    start: Start, line: Any, error: tuple[Any, int, str]
) -> None:
    backend = await start()

    assert shown(await backend.ask(line)) == error

    assert await backend.call("ping") == {}


async def test_a_taken_slot_is_refused_with_what_is_in_the_way(start: Start) -> None:
    backend = await start()
    branch = await backend.call("branches.save", name="Mitte", zone="Europe/Berlin", currency="EUR")
    instructor = await backend.call(
        "instructors.save",
        branchId=branch["id"],
        givenName="Ines",
        familyName="Kraft",
        categories=["B"],
        engagement="employee",
    )
    created = await backend.call(
        "students.create",
        branchId=branch["id"],
        givenName="Ada",
        familyName="Byron",
        bornOn="2007-12-10",
    )
    booking = {
        "studentId": created["student"]["id"],
        "instructorId": instructor["id"],
        "startsAt": "2099-06-01T09:00:00Z",
        "durationMinutes": 90,
    }
    booked = await backend.call("lessons.book", **booking)

    reply = await backend.ask(request(2, "lessons.book", **booking))

    assert shown(reply) == (2, 1301, "CONFLICT_INSTRUCTOR")
    assert booked["lesson"]["id"] in orjson.dumps(reply["error"]["data"]["details"]).decode()
    assert (await backend.call("lessons.get", lessonId=booked["lesson"]["id"]))["lesson"] == booked[
        "lesson"
    ]


@clause("out-of-step")
async def test_a_hundred_unreadable_lines_end_the_process_with_65(start: Start) -> None:
    backend = await start()

    backend.send(b"{\n" * 100)

    assert [shown(reply) for reply in await backend.rest()] == [(None, -32700, "PARSE_ERROR")] * 100
    assert await backend.exit_code() == 65


# The end


@clause("eof-is-shutdown", "eof-half-line-dropped")
async def test_the_end_of_stdin_is_a_shutdown_and_a_half_line_is_dropped(start: Start) -> None:
    backend = await start()

    backend.send(request(1, "ping"), orjson.dumps(request(2, "ping")))
    backend.close_stdin()

    assert await backend.rest() == [{"jsonrpc": "2.0", "id": 1, "result": {}}]
    assert await backend.exit_code() == 0


@clause("signals-are-shutdowns")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_is_a_shutdown(start: Start, number: signal.Signals) -> None:
    backend = await start()
    await backend.call("branches.list")

    backend.signal(number)

    assert await backend.rest() == []
    assert await backend.exit_code() == 0
    assert backend.stderr == ""


@clause("shutdown-answered")
async def test_shutdown_is_answered_and_then_the_process_ends(start: Start) -> None:
    backend = await start()
    await backend.call("branches.list")

    assert await backend.call("shutdown") == {}

    assert await backend.rest() == []
    assert await backend.exit_code() == 0
    assert backend.stderr == ""


@clause("shutdown-drains", "eof-is-shutdown")
async def test_everything_sent_before_a_shutdown_and_the_end_of_stdin_is_answered(
    start: Start,
) -> None:
    """The end of stdin arrives while the shutdown is under way, and must not cut it short."""
    backend = await start()

    backend.send(
        *(request(n, "branches.list") for n in range(20)),
        request(20, "rpc.discover"),
        request("end", "shutdown"),
    )
    backend.close_stdin()

    replies = await backend.rest()
    assert {reply["id"] for reply in replies} == {*range(21), "end"}
    assert all("result" in reply for reply in replies)
    assert await backend.exit_code() == 0
    assert backend.stderr == ""


@clause("parent-death-is-the-end")
async def test_a_parent_that_is_killed_takes_the_process_with_it(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import signal, subprocess, sys\n"
        "child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)\n"
        "signal.pause()",
        *(*COMMAND, "serve", "--data-dir", str(tmp_path)),
        stdout=PIPE,
    )
    assert parent.stdout is not None
    async with asyncio.timeout(TIMEOUT_SECONDS):
        assert b"system.ready" in await parent.stdout.readline()

        parent.send_signal(signal.SIGKILL)
        await parent.wait()

        assert await parent.stdout.read() == b""
        # The lock goes with the process that held it.
        DirectoryLock(tmp_path).release()


# Who must not start


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


async def test_an_initialize_followed_by_the_end_of_stdin_is_answered(start: Start) -> None:
    backend = await start()

    backend.send(request(1, "initialize", **INITIALIZE, databaseKey=KEY))
    backend.close_stdin()

    (reply,) = await backend.rest()
    assert "result" in reply
    assert await backend.exit_code() == 0


async def test_a_store_of_a_newer_program_exits_with_79(tmp_path: Path) -> None:
    make_database(tmp_path)

    code, out, err = await run("serve", "--data-dir", str(tmp_path))

    assert (code, out) == (79, b"")
    assert err.startswith(
        "rpcbackend: The database was written by a newer version of this program; install that"
    )
    assert "Traceback" not in err


async def test_an_encrypted_store_of_a_newer_program_exits_with_79_too(
    start: Start, tmp_path: Path
) -> None:
    make_database(tmp_path / "data", key=bytes(32))
    backend = await start()

    reply = await backend.ask(request(1, "initialize", **INITIALIZE, databaseKey=KEY))

    assert shown(reply) == (1, 1705, "SCHEMA_TOO_NEW")
    assert await backend.exit_code() == 79


def make_database(directory: Path, key: bytes | None = None) -> None:
    """Make a database as only a later version of the program would."""
    directory.mkdir(exist_ok=True)
    database = sqlcipher3.connect(str(directory / "school.db"))
    if key is not None:
        database.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
    database.execute("PRAGMA user_version = 999")
    database.execute("CREATE TABLE t (x)")
    database.close()


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
    assert err == f"rpcbackend: the database in {tmp_path} is damaged; restore a backup\n"
    assert (tmp_path / "school.db").read_bytes() == content


async def test_a_data_directory_that_cannot_be_made_exits_with_73(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    code, out, err = await run("serve", "--data-dir", str(tmp_path / "file" / "data"))

    assert (code, out) == (73, b"")
    assert err == (
        f"rpcbackend: {tmp_path / 'file' / 'data'} cannot be used as data directory:"
        " Not a directory\n"
    )


async def test_an_unknown_option_exits_with_64(tmp_path: Path) -> None:
    code, out, err = await run("serve", "--data-dir", str(tmp_path), "--colour", "red")

    assert (code, out) == (64, b"")
    assert "unrecognized arguments: --colour red" in err


async def test_a_configuration_that_does_not_fit_exits_with_78(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("drain_seconds = -1\n", encoding="utf-8")

    code, out, err = await run("serve", "--data-dir", str(tmp_path), "--config", str(config))

    assert (code, out) == (78, b"")
    assert "drain_seconds" in err
    assert "Traceback" not in err


# The other commands


async def test_call_prints_the_result_of_one_call(tmp_path: Path) -> None:
    saved = await run(
        *("call", "branches.save"),
        '{"name": "Mitte", "zone": "Europe/Berlin", "currency": "EUR"}',
        *("--data-dir", str(tmp_path)),
    )

    listed = await run("call", "branches.list", "--data-dir", str(tmp_path))

    assert (saved[0], saved[2], listed[0], listed[2]) == (0, "", 0, "")
    branch = orjson.loads(saved[1])
    branch.pop("_meta")
    assert orjson.loads(listed[1])["items"] == [branch]
    assert listed[1].startswith(b'{\n  "items": [')


async def test_describe_prints_the_contract() -> None:
    assert await run("describe") == (0, describe("openrpc").encode(), "")


async def test_the_environment_is_read(start: Start) -> None:
    backend = await start(RPCBACKEND_LOG_LEVEL="DEBUG")

    await backend.call("branches.list")

    await backend.end()
    assert "answered" in backend.stderr


@clause("signals-are-shutdowns")
async def test_a_second_signal_ends_a_shutdown_that_takes_too_long(start: Start) -> None:
    backend = await start()
    await backend.call("branches.list")

    backend.signal(signal.SIGSTOP)
    backend.signal(signal.SIGTERM)
    backend.signal(signal.SIGINT)
    backend.signal(signal.SIGCONT)

    assert await backend.exit_code() == 75
