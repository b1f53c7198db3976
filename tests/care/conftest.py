"""What every command of the care needs: a process that stays as it is, and a way to run one."""

import asyncio
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from rpcbackend.care import command
from rpcbackend.store import Backup
from tests.factories import KEY, add_all, store_in


@pytest.fixture(autouse=True)
def spare_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Harden nothing; tests/security/test_process.py sees it done in a process of its own."""
    for name in ("make_files_private", "harden"):
        monkeypatch.setattr(command, name, lambda: None)


def line_of(key: bytes) -> str:
    """Return a key as it comes on stdin."""
    return urlsafe_b64encode(key).decode() + "\n"


def make_store(directory: Path, key: bytes | None = KEY) -> Backup:
    """Make a store with one of each, and a backup of it."""

    async def make() -> Backup:
        async with store_in(directory, key=key) as store:
            await add_all(store)
            return await store.backup("daily")

    return asyncio.run(make())
