"""The log of the real process: its forms, its files, its level, and the call that a line is of."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.clauses import clause
from tests.e2e.backend import INITIALIZE, KEY, QUIET, Backend, run

CAPABILITY = "C" * 43


def lines_of(text: str) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in text.splitlines()]


async def call(backend: Backend, channel: str, **params: Any) -> dict[str, Any]:
    backend.send({"jsonrpc": "2.0", "id": 1, "method": channel, "params": params})
    while True:
        line: dict[str, Any] = await backend.line()
        if line.get("id") == 1:
            return line


async def test_every_line_of_a_log_of_json_is_json(tmp_path: Path) -> None:
    backend = await Backend.start(
        tmp_path / "data", RPCBACKEND_LOG__FORMAT="json", RPCBACKEND_LOG__LEVEL="TRACE"
    )
    refused = await call(backend, "students.get", studentId="canary\n{}")
    await call(backend, "students.list", text="canary")
    assert await backend.end() == 0

    lines = lines_of(backend.stderr)
    told = [(line["level"], line["message"], line["data"].get("channel")) for line in lines]
    assert told == [("INFO", "refused", "students.get"), ("DEBUG", "answered", "students.list")]
    assert lines[0]["correlationId"] == refused["error"]["data"]["correlationId"]
    assert lines[1]["correlationId"] > lines[0]["correlationId"]
    assert lines[1]["data"]["params"] == {"text": "[personal]"}


async def test_the_log_may_go_into_a_file_that_is_followed_by_others(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(
        '[log]\ndestination = "file"\nlevel = "DEBUG"\nmax_bytes = 4096\nkeep_files = 2\n',
        encoding="utf-8",
    )
    backend = await Backend.start(tmp_path / "data", "--config", str(config))
    for _ in range(150):
        await call(backend, "branches.list")
    assert await backend.end() == 0

    logs = tmp_path / "data" / "logs"
    text = (logs / "rpcbackend.log").read_text(encoding="utf-8")
    assert backend.stderr == ""
    assert text.splitlines()[-1].partition(" ")[2].startswith("DEBUG   answered {")
    assert len(list(logs.glob("rpcbackend.*.log.gz"))) == 2
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in logs.iterdir())


async def test_a_log_that_cannot_go_into_its_file_goes_to_stderr_and_the_process_serves(
    tmp_path: Path,
) -> None:
    (tmp_path / "logs").touch()
    code, out, err = await run(
        *("serve", "--data-dir", str(tmp_path)),
        given=b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n',
        RPCBACKEND_LOG__DESTINATION="file",
    )

    assert (code, out.count(b"\n")) == (0, 2)
    assert "the log cannot be written to its file" in err


async def test_why_the_process_ends_is_said_on_stderr_too(tmp_path: Path) -> None:
    code, _, err = await run(
        *("serve", "--data-dir", str(tmp_path / "data"), "--record", str(tmp_path / "no" / "one")),
        RPCBACKEND_LOG__DESTINATION="file",
        RPCBACKEND_LOG__FILE=str(tmp_path / "log"),
    )

    assert (code, "there is no folder" in err) == (73, True)
    assert (tmp_path / "log").read_text(encoding="utf-8") == err


async def test_a_second_process_leaves_the_log_file_of_the_first_alone(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "RPCBACKEND_LOG__DESTINATION": "file",
        "RPCBACKEND_LOG__MAX_BYTES": "4096",
    }
    backend = await Backend.start(tmp_path, RPCBACKEND_LOG__LEVEL="DEBUG", **settings)
    await call(backend, "branches.list")
    await call(backend, "branches.list")

    tried = await run(
        "serve", "--data-dir", str(tmp_path), RPCBACKEND_LOG__FORMAT="json", **settings
    )

    assert await backend.end() == 0
    ((line,), code) = (lines_of(tried[2]), tried[0])
    assert (code, line["level"], "in use by another" in line["data"]) == (69, "CRITICAL", True)
    (log,) = (tmp_path / "logs").iterdir()
    assert "in use" not in log.read_text(encoding="utf-8")
    assert log.read_text(encoding="utf-8").count("branches.list") == 2


@pytest.mark.parametrize("is_main", [True, False], ids=["the main process", "the owner"])
async def test_the_level_changes_at_run_time_and_returns_at_the_next_start(
    tmp_path: Path, *, is_main: bool
) -> None:
    backend = await Backend.start(tmp_path / "data")
    meta = {"capability": CAPABILITY} if is_main else {}
    if is_main:
        await call(backend, "initialize", **INITIALIZE, capability=CAPABILITY, databaseKey=KEY)
    await call(backend, "ping")
    reply = await call(backend, "system.setLogLevel", level="DEBUG", _meta=meta)
    await call(backend, "ping")
    tried = await call(backend, "system.setLogLevel", level="ERROR", _meta={**meta, "dryRun": True})
    await call(backend, "system.setLogLevel", level="INFO", _meta=meta)
    await call(backend, "ping")
    assert await backend.end() == 0

    assert reply["result"] == {"level": "DEBUG", "configured": "INFO"}
    assert tried["result"] == {"level": "ERROR", "configured": "INFO"}
    answered = [line.split("'channel': '")[1].split("'")[0] for line in backend.stderr.splitlines()]
    assert answered == ["system.setLogLevel", "ping", "system.setLogLevel"]


async def test_a_locked_store_leaves_the_level_to_the_main_process(tmp_path: Path) -> None:
    backend = await Backend.start(tmp_path / "data")
    await call(backend, "initialize", **INITIALIZE, databaseKey=KEY)
    assert await backend.end() == 0
    backend = await Backend.start(tmp_path / "data")
    await call(backend, "initialize", **INITIALIZE, capability=CAPABILITY)

    for meta in ({}, {"capability": "D" * 43}):
        refused = await call(backend, "system.setLogLevel", level="DEBUG", _meta=meta)
        assert refused["error"]["data"]["code"] == "NOT_INITIALIZED"
    allowed = await call(
        backend, "system.setLogLevel", level="WARNING", _meta={"capability": CAPABILITY}
    )

    assert allowed["result"]["level"] == "WARNING"
    assert await backend.end() == 0


@clause("log-not-forged")
async def test_what_is_printed_and_what_libraries_log_is_json_too(tmp_path: Path) -> None:
    program = """
import logging, sys
from rpcbackend import serve
from rpcbackend.app import Application
from rpcbackend.config import Settings
health = Application.health
def show(self, **asked):
    print("printed\\u2028{}")
    logging.getLogger("library").warning("logged\\n%s", "x")
    return health(self, **asked)
Application.health = show
sys.exit(serve.serve(Settings(data_dir=sys.argv[1], log={"format": "json"})))
"""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, str(tmp_path)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | QUIET,
    )
    async with asyncio.timeout(30):
        _, err = await process.communicate(b'{"jsonrpc":"2.0","id":1,"method":"system.health"}\n')

    lines = lines_of(err.decode())
    correlation_id = lines[1].pop("correlationId")
    assert correlation_id.startswith("cor_")
    assert [{name: line[name] for name in ("level", "message")} for line in lines] == [
        {"level": "PRINT", "message": "printed\u2028{}"},
        {"level": "WARNING", "message": "a library says"},
    ]
    assert lines[1]["data"] == {"library": "library", "said": "logged\nx"}
