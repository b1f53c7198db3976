"""Whether the end of another process is noticed."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rpcbackend import parent as parent_module
from rpcbackend.parent import until_gone


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def start_parent() -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)


async def test_the_end_of_a_process_is_noticed() -> None:
    with start_parent() as parent:
        gone = asyncio.ensure_future(until_gone(parent.pid))
        await asyncio.sleep(0)
        assert not gone.done()

        parent.kill()

        async with asyncio.timeout(30):
            await gone


async def test_a_process_that_was_never_there_never_ends() -> None:
    with start_parent() as parent:
        parent.kill()
    gone = asyncio.ensure_future(until_gone(parent.pid))

    done, _ = await asyncio.wait({gone}, timeout=0)

    assert not done
    gone.cancel()


async def test_where_the_system_gives_no_handle_it_is_asked_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(pid: int) -> int:
        raise PermissionError(pid)

    monkeypatch.setattr(os, "pidfd_open", refuse)
    monkeypatch.setattr(parent_module, "POLL_SECONDS", 0.001)
    with start_parent() as parent:
        gone = asyncio.ensure_future(until_gone(parent.pid))
        await asyncio.sleep(0)
        parent.kill()
        parent.wait()

        async with asyncio.timeout(30):
            await gone


async def test_watching_leaves_nothing_open_behind() -> None:
    before = open_descriptors()
    gone = asyncio.ensure_future(until_gone(os.getpid()))
    await asyncio.sleep(0)

    gone.cancel()
    await asyncio.wait({gone})

    assert open_descriptors() == before
