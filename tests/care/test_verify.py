"""`rpcbackend verify`: the store, or a backup."""

from io import StringIO
from pathlib import Path

import pytest

from rpcbackend.care.verify import verify_directory
from tests.care.conftest import line_of, make_store
from tests.factories import KEY


def test_a_sound_store_is_called_so_and_left_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_store(tmp_path)
    before = (tmp_path / "school.db").read_bytes()

    assert verify_directory(tmp_path, None, StringIO(line_of(KEY))) == 0

    assert capsys.readouterr().err.startswith(f"rpcbackend: {tmp_path / 'school.db'} is sound: ")
    assert (tmp_path / "school.db").read_bytes() == before
    assert not (tmp_path / "school.db-wal").exists()


def test_a_backup_is_named_by_its_id_or_its_path(tmp_path: Path) -> None:
    backup = make_store(tmp_path)

    for name in (backup.id, str(backup.path)):
        assert verify_directory(tmp_path, name, StringIO(line_of(KEY))) == 0
    assert verify_directory(tmp_path, "yesterday", StringIO()) == 64


def test_a_damaged_backup_exits_with_74_and_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = make_store(tmp_path)
    content = bytearray(backup.path.read_bytes())
    # In a table of the first migration: the last pages may be those of the schema, which grows.
    content[4 * 4_096 - 100] ^= 1
    backup.path.write_bytes(content)

    assert verify_directory(tmp_path, backup.id, StringIO(line_of(KEY))) == 74

    assert capsys.readouterr().err == (
        f"rpcbackend: {backup.path} is not sound:\n"
        "  the file is not the one that was made: its SHA-256 differs\n"
        "  pages do not fit their checksums\n"
    )


def test_a_backup_under_another_key_exits_with_77(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = make_store(tmp_path)

    assert verify_directory(tmp_path, backup.id, StringIO(line_of(bytes(32)))) == 77

    assert capsys.readouterr().err.endswith("\n  it was made under another key\n")


def test_a_file_without_a_manifest_can_be_verified_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = make_store(tmp_path)
    copy = backup.path.rename(tmp_path / "copy.db")

    assert verify_directory(tmp_path, str(copy), StringIO(line_of(KEY))) == 0

    assert capsys.readouterr().err.endswith(", and has no manifest to compare it with\n")
