"""The served process from within: who may own a directory, and what its signals and lines do.

How it starts, answers and ends as a process: tests/e2e/.
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rpcbackend import serve
from rpcbackend.door import ExitRequestedError
from rpcbackend.process_life import owned
from rpcbackend.store import DirectoryLock
from tests.e2e.backend import QUIET

PROGRAM = """
import sys
from rpcbackend.config import Settings
from rpcbackend import serve
{before}
sys.exit(serve.serve(Settings(data_dir=sys.argv[1], drain_seconds=1)))
"""


def run(directory: Path, before: str = "", given: bytes = b"") -> tuple[int, bytes, str]:
    """Serve in a process of its own, with something changed before."""
    ended = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-c", PROGRAM.format(before=before), str(directory)],
        input=given,
        capture_output=True,
        timeout=60,
        check=False,
        env=os.environ | QUIET,
    )
    return ended.returncode, ended.stdout, ended.stderr.decode()


def test_a_directory_belongs_to_one_at_a_time(tmp_path: Path) -> None:
    with owned(tmp_path), pytest.raises(ExitRequestedError, match="in use by another") as end:
        owned(tmp_path).__enter__()

    assert end.value.code == 69
    DirectoryLock(tmp_path).release()


def test_a_directory_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ExitRequestedError, match="cannot be used as data directory") as end:
        owned(tmp_path / "file" / "data").__enter__()

    assert end.value.code == 73


def test_a_stray_print_of_a_handler_goes_to_stderr(tmp_path: Path) -> None:
    before = """
from rpcbackend.app import Application
health = Application.health
async def tell(self, **asked):
    print("stray")
    return await health(self, **asked)
Application.health = tell
"""

    code, out, err = run(tmp_path, before, b'{"jsonrpc":"2.0","id":1,"method":"system.health"}\n')

    assert (code, len(out.splitlines())) == (0, 2)
    assert b"stray" not in out
    assert err == "| stray\n"


def test_a_start_that_fails_unexpectedly_exits_with_70_and_a_trace(tmp_path: Path) -> None:
    before = """
from rpcbackend.app import Application
def fail(self):
    raise RuntimeError("nobody expected this")
Application.ready = fail
"""

    code, out, err = run(tmp_path, before)

    assert (code, out) == (70, b"")
    assert "| RuntimeError\n" in err
    assert "nobody expected this" not in err


def test_a_bug_in_a_handler_is_logged_under_the_id_of_its_reply(tmp_path: Path) -> None:
    before = """
from rpcbackend.app import Application
async def fail(self, **asked):
    raise RuntimeError("nobody expected this")
Application.health = fail
"""

    code, out, err = run(tmp_path, before, b'{"jsonrpc":"2.0","id":1,"method":"system.health"}\n')

    correlation_id = out.partition(b'"correlationId":"')[2].partition(b'"')[0].decode()
    assert code == 0
    assert correlation_id.startswith("cor_")
    assert correlation_id in err
    assert "| RuntimeError\n" in err
    assert "nobody expected this" not in err


@pytest.mark.parametrize(("reads", "is_read"), [(5, True), (3, False)])
async def test_the_last_replies_wait_as_long_as_the_peer_reads_and_no_longer(
    monkeypatch: pytest.MonkeyPatch, reads: int, *, is_read: bool
) -> None:
    monkeypatch.setattr(serve, "LAST_WRITE_SECONDS", 0.0)
    waits = 0

    async def close() -> None:
        nonlocal waits
        waits += 1
        if waits <= 4:
            await asyncio.Event().wait()

    assert await serve.read_to_the_end(close, lambda: min(waits, reads)) is is_read
    assert waits == (5 if is_read else 4)


def test_a_peer_that_never_reads_cannot_keep_the_process_alive(tmp_path: Path) -> None:
    """The replies are larger than any pipe; the end comes with 75 after the last wait."""
    program = PROGRAM.format(before="serve.LAST_WRITE_SECONDS = 0.1")
    line = b'{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}\n'

    with subprocess.Popen(  # noqa: S603 (our own program)
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(line * 20)
        process.stdin.close()

        assert process.wait(60) == 75
