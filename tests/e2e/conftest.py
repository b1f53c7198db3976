"""Processes that are up, and that are gone when the test is."""

import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from rpcbackend.cli import main
from tests.e2e.backend import Backend, Disk, Start
from tests.e2e.browser import browser
from tests.e2e.console import OWNER, start_mirror

# These look into /proc, widen pipes, or limit a process that runs.
LINUX_ALONE = [
    "test_disk.py",
    "test_flood.py",
    "test_overload.py",
    "test_sealed_disk.py",
    "test_small_disk.py",
]
collect_ignore = [] if sys.platform == "linux" else LINUX_ALONE


@pytest.fixture(scope="session")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the demo school once."""
    directory = tmp_path_factory.mktemp("seed") / "data"
    arguments = ("--students", "200", "--years", "1", "--data-dir", str(directory))
    assert main(["seed", *arguments]) == 0
    return directory


@pytest.fixture(scope="session")
def disk_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build what is preloaded into a process whose disk is small or cannot be written."""
    library = tmp_path_factory.mktemp("disk") / "disk.so"
    source = Path(__file__).parent.parent / "faults" / "disk.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)  # noqa: S603, S607 (the system's compiler)
    return library


@pytest.fixture
def disk(disk_library: Path, tmp_path: Path) -> Disk:
    """The disk under the data directory; it has no bound until it is given one."""
    return Disk(disk_library, tmp_path / "data")


@pytest.fixture
def seeded_school(seed: Path, tmp_path: Path) -> Path:
    """Copy the demo school: 200 students, thousands of lessons and events."""
    return shutil.copytree(seed, tmp_path / "data")


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


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """Start a browser for all tests of a module: it takes longer to start than most of them."""
    async with browser() as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def mirror(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Backend, str]]:
    """Start a process with a mirror, whose school has its owner, for all tests of a module."""
    backend, url = await start_mirror(tmp_path_factory.mktemp("school") / "data")
    await backend.call("auth.bootstrap", **OWNER)
    yield backend, url
    await backend.end()
