"""Every way in which the real process ends in order: end of stdin, shutdown, signals, no parent."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import orjson
import pytest

from rpcbackend.store import DirectoryLock
from tests.clauses import clause
from tests.e2e.backend import COMMAND, INITIALIZE, KEY, TIMEOUT_SECONDS, Start
from tests.machine import request


@clause("eof-is-shutdown", "eof-half-line-dropped")
async def test_the_end_of_stdin_is_a_shutdown_and_a_half_line_is_dropped(start: Start) -> None:
    backend = await start()

    backend.send(request(1, "ping"), orjson.dumps(request(2, "ping")))
    backend.close_stdin()

    assert await backend.rest() == [{"jsonrpc": "2.0", "id": 1, "result": {}}]
    assert await backend.exit_code() == 0


async def test_an_initialize_followed_by_the_end_of_stdin_is_answered(start: Start) -> None:
    backend = await start()

    backend.send(request(1, "initialize", **INITIALIZE, databaseKey=KEY))
    backend.close_stdin()

    (reply,) = await backend.rest()
    assert "result" in reply
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


@clause("signals-are-shutdowns")
async def test_a_second_signal_ends_a_shutdown_that_takes_too_long(start: Start) -> None:
    backend = await start()
    await backend.call("branches.list")

    backend.signal(signal.SIGSTOP)
    backend.signal(signal.SIGTERM)
    backend.signal(signal.SIGINT)
    backend.signal(signal.SIGCONT)

    assert await backend.exit_code() == 75


if sys.platform != "win32":

    async def test_a_job_that_waits_for_a_dead_disk_does_not_keep_the_process_alive(
        start: Start, tmp_path: Path
    ) -> None:
        """The manifest of a backup is a pipe: whoever opens it waits for the other end."""
        manifest = tmp_path / "backup.json"
        os.mkfifo(manifest)
        backend = await start(RPCBACKEND_DRAIN_SECONDS="0.1")
        await backend.call("backups.verify", path=str(tmp_path / "backup.db"))
        opening = asyncio.ensure_future(asyncio.to_thread(os.open, manifest, os.O_WRONLY))
        try:
            # From now on the job reads, and nothing is written.
            await asyncio.wait([opening], timeout=TIMEOUT_SECONDS)
            assert opening.done()

            assert await backend.call("shutdown") == {}
            assert await backend.exit_code() == 75
        finally:
            os.close(os.open(manifest, os.O_RDONLY | os.O_NONBLOCK))
            os.close(await opening)
        DirectoryLock(tmp_path / "data").release()


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
