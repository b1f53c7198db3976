"""Processes that are up, and that are gone when the test is."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.backend import Backend, Start


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
