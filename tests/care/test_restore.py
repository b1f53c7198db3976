"""`rpcbackend restore`: asked for twice, then done, with what was there before kept."""

import asyncio
from io import StringIO
from pathlib import Path

import pytest

from rpcbackend.care.restore import restore_directory
from rpcbackend.store import list_backups, verify_backup
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


@pytest.mark.parametrize("backup_key", [KEY, None], ids=["encrypted", "plain"])
def test_a_store_that_no_key_opens_is_put_aside_only_when_that_is_said(
    tmp_path: Path, backup_key: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = make_store(tmp_path, backup_key)
    live = tmp_path / "school.db"
    live.write_bytes(b"scribble" * 10_000)
    line = line_of(KEY) if backup_key else ""

    refused = restore_directory(tmp_path, backup.id, StringIO(line), is_sure=True)

    assert refused == (77 if backup_key else 64)
    assert "--in-place-of-unreadable" in capsys.readouterr().err
    assert live.read_bytes() == b"scribble" * 10_000
    assert (
        restore_directory(tmp_path, backup.id, StringIO(line), is_sure=True, is_unreadable=True)
        == 0
    )
    (aside,) = (tmp_path / "quarantine").iterdir()
    assert capsys.readouterr().err.endswith(f"what was there before is in {aside}\n")
    assert (aside / "school.db").read_bytes() == b"scribble" * 10_000
    assert branches_in(tmp_path, backup_key) == 1


def test_a_store_whose_first_page_is_sound_is_put_aside_when_the_rest_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = make_store(tmp_path)
    damaged = bytearray((tmp_path / "school.db").read_bytes())
    damaged[4_096:] = bytes(len(damaged) - 4_096)
    (tmp_path / "school.db").write_bytes(damaged)

    assert restore_directory(tmp_path, backup.id, StringIO(line_of(KEY)), is_sure=True) == 0

    (aside,) = (tmp_path / "quarantine").iterdir()
    assert capsys.readouterr().err.endswith(f"what was there before is in {aside}\n")
    assert branches_in(tmp_path) == 1


OTHER = bytes(32)


def test_a_store_under_another_key_is_replaced_only_by_whoever_has_it(tmp_path: Path) -> None:
    make_store(tmp_path / "data")
    backup = make_store(tmp_path / "other", OTHER)
    add_branch(tmp_path / "data")

    for second in ("", "yes\n", line_of(OTHER), line_of(bytes(31) + b"x")):
        stdin = StringIO(line_of(OTHER) + second)
        assert restore_directory(tmp_path / "data", str(backup.path), stdin, is_sure=True) == 77
        assert branches_in(tmp_path / "data") == 2

    stdin = StringIO(line_of(OTHER) + line_of(KEY) + "yes\n")
    assert restore_directory(tmp_path / "data", str(backup.path), stdin, is_sure=False) == 0
    # Under the store's own key, as when it is restored while it is served.
    assert branches_in(tmp_path / "data") == 1
    safety, _ = list_backups(tmp_path / "data" / "backups")
    assert verify_backup(safety.path, KEY, lambda *_: None).is_sound
    assert not (tmp_path / "data" / "quarantine").exists()


def test_a_plain_backup_never_takes_the_place_of_an_encrypted_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_store(tmp_path / "data")
    backup = make_store(tmp_path / "other", None)
    add_branch(tmp_path / "data")

    stdin = StringIO(line_of(KEY) + "yes\n")
    assert restore_directory(tmp_path / "data", str(backup.path), stdin, is_sure=True) == 64

    assert "is not encrypted" in capsys.readouterr().err
    assert branches_in(tmp_path / "data") == 2


def test_a_plain_store_is_saved_before_an_encrypted_backup_takes_its_place(
    tmp_path: Path,
) -> None:
    make_store(tmp_path / "data", None)
    backup = make_store(tmp_path / "other", KEY)

    stdin = StringIO(line_of(KEY))
    assert restore_directory(tmp_path / "data", str(backup.path), stdin, is_sure=True) == 0

    assert branches_in(tmp_path / "data") == 1
    safety, _ = list_backups(tmp_path / "data" / "backups")
    assert (safety.reason, safety.is_encrypted) == ("before-restore", False)
    assert not (tmp_path / "data" / "quarantine").exists()


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
