"""What is served as it is is neither backed up nor replaced."""

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


async def test_a_store_in_memory_has_nothing_to_back_up(store: Store) -> None:
    with pytest.raises(BackupInvalidError):
        await store.backup("manual")


async def test_a_copy_holds_the_log_too_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with store_in(tmp_path):
        copy = copy_aside(tmp_path / "school.db")

        assert names_in(copy.parent) == ["school.db", "school.db-wal"]

    forget_copy(copy)
    assert not copy.parent.exists()


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())
