"""What is served as it is is neither backed up nor replaced."""

import tempfile
from pathlib import Path

import pytest

from rpcbackend.errors import BackupInvalidError, ReadOnlyModeError
from rpcbackend.store import Command, Origin, Store, open_store, restore
from rpcbackend.store.as_it_is import copy_aside, forget_copy
from tests.factories import store_in


def nobody(_done: int, _total: int, _message: str) -> None:
    """Hear of progress."""


async def test_a_backup_is_never_made_where_it_would_go_with_the_process(tmp_path: Path) -> None:
    async with store_in(tmp_path):
        pass
    store = await open_store(tmp_path, read_only="setting")

    with pytest.raises(ReadOnlyModeError) as refused:
        await store.backup("manual")

    await store.close()
    assert refused.value.details == {"reason": "setting"}
    assert not (tmp_path / "backups").exists()


async def test_what_is_served_as_it_is_is_not_replaced(tmp_path: Path) -> None:
    async with store_in(tmp_path) as writable:
        backup = await writable.backup("manual")
    store = await open_store(tmp_path, read_only="setting")
    before = (tmp_path / "school.db").read_bytes()

    with pytest.raises(ReadOnlyModeError):
        await restore(
            store, Origin(path=backup.path, actor="tests", command=Command(channel="x")), nobody
        )

    await store.close()
    assert (tmp_path / "school.db").read_bytes() == before


@pytest.mark.sqlite
async def test_a_store_in_memory_has_nothing_to_back_up(store: Store) -> None:
    with pytest.raises(BackupInvalidError):
        await store.backup("manual")


async def test_a_copy_holds_the_log_too_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with store_in(tmp_path):
        copy = copy_aside(tmp_path / "school.db")

        assert names_in(copy.parent) == ["school.db", "school.db-wal"]

    forget_copy(copy)
    assert not copy.parent.exists()


async def test_what_a_kill_has_left_of_a_copy_goes_with_the_next_one(
    tmp_path: Path, temporary: Path
) -> None:
    async with store_in(tmp_path / "data"):
        left = copy_aside(tmp_path / "data" / "school.db")
        (left.parent / "more").write_text("of before", encoding="utf-8")

        copy = copy_aside(tmp_path / "data" / "school.db")

    assert names_in(temporary) == [copy.parent.name]
    assert names_in(copy.parent) == ["school.db", "school.db-wal"]
    assert copy.parent.stat().st_mode & 0o077 == 0


async def test_a_folder_that_is_not_ours_gets_no_copy(tmp_path: Path, temporary: Path) -> None:
    async with store_in(tmp_path / "data"):
        folder = copy_aside(tmp_path / "data" / "school.db").parent
        folder.rename(temporary / "elsewhere")
        folder.symlink_to(temporary / "elsewhere")

        with pytest.raises(PermissionError):
            copy_aside(tmp_path / "data" / "school.db")

    assert names_in(temporary / "elsewhere") == ["school.db", "school.db-wal"]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be the folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


async def test_backups_are_looked_for_where_the_store_is_and_not_its_copy(tmp_path: Path) -> None:
    async with store_in(tmp_path) as writable:
        backup = await writable.backup("manual")
        (tmp_path / "as_it_was").mkdir()
        for name in ("school.db", "school.db-wal"):
            (tmp_path / "as_it_was" / name).write_bytes((tmp_path / name).read_bytes())
    for name in ("school.db", "school.db-wal"):
        (tmp_path / "as_it_was" / name).replace(tmp_path / name)

    store = await open_store(tmp_path, read_only="setting")

    assert [each.id for each in store.backups()] == [backup.id]
    await store.close()


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())
