"""Nothing but protocol lines on the real process's stdout, and what happens when it is closed."""

from itertools import islice
from pathlib import Path

import pytest

from rpcbackend.store import DirectoryLock
from tests.clauses import clause
from tests.e2e.raw import child
from tests.machine import request

NOISY = """
import ctypes, logging, os, subprocess, sys
from rpcbackend.app import Application
from rpcbackend.cli import main

health = Application.health
libc = ctypes.CDLL(None)

async def noisy(self, **asked):
    print("from print")
    sys.__stdout__.write("from the first stdout\\n")
    sys.__stdout__.flush()
    libc.puts(b"from a C library")
    libc.fflush(None)
    os.write(1, b"from the descriptor\\n")
    os.system("echo from a shell")
    subprocess.run(["echo", "from a child"], check=True)
    logging.warning("from logging")
    return await health(self, **asked)

Application.health = noisy
sys.exit(main(sys.argv[1:]))
"""
SOURCES = (
    *("print", "the first stdout", "a C library", "the descriptor", "a shell", "a child"),
    "logging",
)


@clause("stdout-protocol-only", "stderr-for-people")
def test_whoever_prints_while_calls_run_only_replies_are_on_stdout(tmp_path: Path) -> None:
    with child(tmp_path / "data", program=NOISY) as backend:
        backend.feed(*(request(n, channel) for n, channel in enumerate(["system.health", "ping"])))
        backend.feed(*(request(n, "system.health") for n in range(2, 20)))
        replies = list(islice(backend.replies, 20))
        backend.close_stdin()

        assert (list(backend.lines), backend.exit_code()) == ([], 0)
    assert sorted(reply["id"] for reply in replies) == [*range(20)]
    assert all("result" in reply for reply in replies)
    assert {source: backend.errors.count(f"from {source}") for source in SOURCES} == (
        dict.fromkeys(SOURCES, 19)
    )


@clause("stdout-closed-is-the-end")
@pytest.mark.parametrize("count", [1, 2_000], ids=["one reply", "more than a pipe"])
def test_a_closed_stdout_ends_the_process_in_order_and_frees_the_directory(
    tmp_path: Path, count: int
) -> None:
    with child(tmp_path / "data", RPCBACKEND_LOG__LEVEL="ERROR") as backend:
        backend.feed(request("first", "branches.list"))
        assert "result" in next(backend.replies)

        backend.close_stdout()
        backend.feed(*(request(n, "rpc.discover") for n in range(count)))

        assert (backend.exit_code(), backend.errors) == (0, "")
        DirectoryLock(tmp_path / "data").release()
        # In order: the log of the database went into its file.
        assert not (tmp_path / "data" / "school.db-wal").exists()
