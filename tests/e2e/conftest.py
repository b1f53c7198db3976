"""Processes that are up, and that are gone when the test is."""

import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rpcbackend.cli import main
from tests.e2e.backend import Backend, Start

# These look into /proc, widen pipes, or limit a process that runs.
LINUX_ALONE = ["test_disk.py", "test_flood.py", "test_overload.py"]
collect_ignore = [] if sys.platform == "linux" else LINUX_ALONE


@pytest.fixture(scope="session")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the demo school once."""
    directory = tmp_path_factory.mktemp("seed") / "data"
    arguments = ("--students", "200", "--years", "1", "--data-dir", str(directory))
    assert main(["seed", *arguments]) == 0
    return directory


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
