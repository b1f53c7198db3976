"""What `rpcbackend copy-store` does and says."""

import asyncio
import base64
from pathlib import Path

import pytest

from rpcbackend.cli import main
from rpcbackend.demo.seed import write_school
from rpcbackend.exits import EX_STORAGE, EX_UNAVAILABLE, EX_USAGE
from rpcbackend.store import DirectoryLock, is_encrypted, open_store, path_in
from rpcbackend.store.digest import state_hash
from tests.demo.schools import school_of
from tests.postgres import Cluster

KEY = bytes(range(32))
LINE = base64.urlsafe_b64encode(KEY).decode() + "\n"


@pytest.fixture
def school(tmp_path: Path) -> Path:
    """A data directory with a school in it."""
    asyncio.run(_fill(tmp_path / "school"))
    return tmp_path / "school"


async def _fill(directory: Path) -> None:
    store = await open_store(directory)
    await write_school(store, school_of(12, 1, 3))
    await store.close()


def hash_of(directory: Path, key: bytes | None = None) -> str:
    async def look() -> str:
        store = await open_store(directory, key=key)
        try:
            return await state_hash(store)
        finally:
            await store.close()

    return asyncio.run(look())


def test_a_school_goes_to_a_server_and_into_an_encrypted_file(
    school: Path,
    tmp_path: Path,
    cluster: Cluster,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, back = cluster.create(), tmp_path / "back"
    state = hash_of(school)

    assert main(["copy-store", str(school), server]) == 0
    assert f"both sides hold {state}" in capsys.readouterr().err

    monkeypatch.setattr("sys.stdin", _Lines(LINE))
    assert main(["copy-store", "--encrypt", server, str(back)]) == 0
    assert is_encrypted(path_in(back))
    assert hash_of(back, KEY) == state
    assert not (back / "copy.unfinished").exists()


class _Lines:
    """What somebody types."""

    def __init__(self, *lines: str) -> None:
        self._lines = list(lines)

    def readline(self) -> str:
        """Return the next line."""
        return self._lines.pop(0) if self._lines else ""


def test_a_database_that_is_there_is_not_written_over(
    school: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(_fill(tmp_path / "other"))
    before = hash_of(tmp_path / "other")

    assert main(["copy-store", str(school), str(tmp_path / "other")]) == EX_USAGE

    assert "already" in capsys.readouterr().err
    assert hash_of(tmp_path / "other") == before


def test_a_file_goes_to_a_file_too(school: Path, tmp_path: Path) -> None:
    assert main(["copy-store", str(school), str(tmp_path / "new" / "one")]) == 0

    assert hash_of(tmp_path / "new" / "one") == hash_of(school)


def test_a_file_that_somebody_serves_is_not_copied(school: Path, tmp_path: Path) -> None:
    lock = DirectoryLock(school)
    try:
        assert main(["copy-store", str(school), str(tmp_path / "new")]) == EX_UNAVAILABLE
    finally:
        lock.release()


def test_a_server_that_is_not_there_is_told(
    school: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "postgresql://me@/x?host=/nowhere"

    assert main(["copy-store", str(school), url]) == EX_STORAGE

    assert "cannot be reached" in capsys.readouterr().err


def test_a_file_is_always_the_first_school(school: Path) -> None:
    assert main(["copy-store", "--school", "2", str(school), "postgresql://x"]) == EX_USAGE
