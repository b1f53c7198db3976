"""`rpcbackend restore`: asked for twice, then done, with what was there before kept."""

import asyncio
from io import StringIO
from pathlib import Path

import pytest

from rpcbackend.care.restore import restore_directory
from rpcbackend.store import list_backups
from tests.care.conftest import line_of, make_store
from tests.factories import KEY, make_branch, store_in


def branches_in(directory: Path, key: bytes | None = KEY) -> int:
    async def count() -> int:
        async with store_in(directory, key=key) as store:
            row = await store.read(lambda work: work.tx.one("SELECT count(*) FROM branches"))
            assert row is not None
            return int(row[0])

    return asyncio.run(count())


def add_branch(directory: Path) -> None:
    async def add() -> None:
        async with store_in(directory, key=KEY) as store:
            branch = make_branch(id="bra_0190b5a2-0000-7000-8000-000000000099", name="Nord")
            await store.write(lambda work: work.branches.put(branch), actor="tests")

    asyncio.run(add())


@pytest.mark.parametrize("answer", ["", "no\n", "y\n"])
def test_nothing_is_changed_without_a_yes(
    tmp_path: Path, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = make_store(tmp_path)
    add_branch(tmp_path)

    stdin = StringIO(line_of(KEY) + answer)
    assert restore_directory(tmp_path, backup.id, stdin, is_sure=False) == 64

    assert "nothing was changed" in capsys.readouterr().err
    assert branches_in(tmp_path) == 2


@pytest.mark.parametrize("is_sure", [True, False])
def test_a_yes_brings_back_the_backup_and_tells_where_the_rest_is(
    tmp_path: Path, is_sure: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = make_store(tmp_path)
    add_branch(tmp_path)

    stdin = StringIO(line_of(KEY) + "yes\n")
    assert restore_directory(tmp_path, str(backup.path), stdin, is_sure=is_sure) == 0

    safety, _ = list_backups(tmp_path / "backups")
    assert safety.reason == "before-restore"
    assert capsys.readouterr().err.endswith(
        f"rpcbackend: the database in {tmp_path} is that of {backup.id};"
        f" what was there before is in {safety.path}\n"
    )
    assert branches_in(tmp_path) == 1


def test_a_new_directory_gets_the_backup(tmp_path: Path) -> None:
    backup = make_store(tmp_path / "old")

    new = tmp_path / "new"
    stdin = StringIO(line_of(KEY))
    assert restore_directory(new, str(backup.path), stdin, is_sure=True) == 0

    assert branches_in(new) == 1


def test_a_damaged_store_is_put_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    backup = make_store(tmp_path)
    (tmp_path / "school.db").write_bytes(b"scribble" * 10_000)

    assert restore_directory(tmp_path, backup.id, StringIO(line_of(KEY)), is_sure=True) == 0

    (aside,) = (tmp_path / "quarantine").iterdir()
    assert capsys.readouterr().err.endswith(f"what was there before is in {aside}\n")
    assert (aside / "school.db").read_bytes() == b"scribble" * 10_000
    assert branches_in(tmp_path) == 1


def test_a_damaged_backup_exits_with_74_and_changes_nothing(tmp_path: Path) -> None:
    backup = make_store(tmp_path)
    add_branch(tmp_path)
    content = bytearray(backup.path.read_bytes())
    content[-100] ^= 1
    backup.path.write_bytes(content)

    assert restore_directory(tmp_path, backup.id, StringIO(line_of(KEY)), is_sure=True) == 74

    assert branches_in(tmp_path) == 2


def test_a_backup_under_another_key_exits_with_77_and_one_that_is_not_there_with_64(
    tmp_path: Path,
) -> None:
    backup = make_store(tmp_path)

    stdin = StringIO(line_of(bytes(32)))
    assert restore_directory(tmp_path, backup.id, stdin, is_sure=True) == 77
    assert restore_directory(tmp_path, "yesterday", StringIO(), is_sure=True) == 64
