"""How the real process starts: its first line, what it loads, what a first line may look like."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import orjson

from rpcbackend import PROTOCOL_VERSION, __version__
from rpcbackend.contract.shipped import contract_hash
from tests.clauses import clause
from tests.e2e.backend import COMMAND, TIMEOUT_SECONDS, Backend, Start, run

LOADED_AT_READY = """
aiosqlite annotated_types cachetools cython_runtime dotenv loguru orjson
pydantic pydantic_core pydantic_settings rpcbackend
sqlcipher3 typing_extensions typing_inspection uvloop
"""
"""What is not Python's own: each of these costs start-up time, so each is wanted (D9)."""


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
    replies.sort(key=lambda reply: int(reply["id"]))
    rev = replies[0]["result"]["_meta"].pop("rev")
    assert isinstance(rev, str)
    assert replies == [
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


async def test_the_environment_is_read(start: Start) -> None:
    backend = await start(RPCBACKEND_LOG__LEVEL="DEBUG")

    await backend.call("branches.list")

    await backend.end()
    assert "answered" in backend.stderr


async def test_what_the_parent_leaked_is_closed_at_the_start(tmp_path: Path) -> None:
    """Electron leaks files, sockets and pipes to each child (electron#34808)."""
    ours, leaked = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "serve", "--data-dir", str(tmp_path / "data")),
        stdin=PIPE,
        stdout=PIPE,
        pass_fds=[leaked],
    )
    os.close(leaked)
    assert process.stdin is not None
    assert process.stdout is not None
    async with asyncio.timeout(TIMEOUT_SECONDS):
        assert b"system.ready" in await process.stdout.readline()

        # Nobody holds the other end any more, though the process goes on.
        assert os.read(ours, 1) == b""

        process.stdin.write(orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}) + b"\n")
        assert orjson.loads(await process.stdout.readline())["result"] == {}
        process.stdin.close()
        assert await process.wait() == 0
    os.close(ours)
