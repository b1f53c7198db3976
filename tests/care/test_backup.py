"""`rpcbackend backup`."""

from io import StringIO
from pathlib import Path

import pytest

from rpcbackend.care.backup import backup_directory
from rpcbackend.store import list_backups, verify_backup
from tests.care.conftest import line_of, make_store
from tests.factories import KEY


def test_a_backup_is_made_and_said_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_store(tmp_path)

    assert backup_directory(tmp_path, None, StringIO(line_of(KEY))) == 0

    newest, _ = list_backups(tmp_path / "backups")
    assert newest.reason == "manual"
    assert capsys.readouterr().err == (
        f"rpcbackend: the backup is {newest.path}, {newest.bytes:,} bytes,"
        f" SHA-256 {newest.sha256}\n"
    )


def test_a_backup_may_go_elsewhere(tmp_path: Path) -> None:
    make_store(tmp_path / "data", None)

    assert backup_directory(tmp_path / "data", tmp_path / "stick" / "school", StringIO()) == 0

    (backup,) = list_backups(tmp_path / "stick" / "school")
    assert verify_backup(backup.path, None, lambda *_: None).is_sound


def test_a_place_that_cannot_be_made_exits_with_73(tmp_path: Path) -> None:
    make_store(tmp_path / "data", None)
    (tmp_path / "file").touch()

    assert backup_directory(tmp_path / "data", tmp_path / "file" / "x", StringIO()) == 73
