"""Which backups count, and which are kept."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcbackend.store.backups import (
    Backup,
    Facts,
    NoBackupError,
    Reason,
    list_backups,
    manifest_of,
    mark_of,
    read_backup,
    superfluous,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
REASONS = get_args(Reason)


def make_backup(
    created_at: datetime = NOON, reason: Reason = "daily", folder: Path = Path("backups")
) -> Backup:
    id_ = f"{created_at:%Y-%m-%dT%H-%M-%SZ}-{reason}"
    return Backup(
        id=id_,
        path=folder / f"{id_}.db",
        reason=reason,
        created_at=created_at,
        bytes=5,
        sha256="00" * 32,
        facts=Facts(
            schema_version=3,
            head_seq=7,
            audit_head_seq=0,
            audit_head_hash="00" * 32,
            rows={"events": 7},
        ),
        is_encrypted=True,
        key_mark=mark_of(bytes(32)),
        program_version="0.1.0",
        tz_version="2026b",
    )


def put(backup: Backup, content: bytes = b"12345") -> Backup:
    backup.path.write_bytes(content)
    backup.path.with_suffix(".json").write_bytes(manifest_of(backup))
    return backup


def test_backups_are_listed_newest_first_as_they_were_made(tmp_path: Path) -> None:
    old, new = (put(make_backup(NOON + timedelta(days=day), folder=tmp_path)) for day in range(2))

    assert list_backups(tmp_path) == [new, old]


def test_a_folder_that_is_not_there_holds_no_backups(tmp_path: Path) -> None:
    assert list_backups(tmp_path / "none") == []


def _without(name: str) -> Callable[[bytes], bytes]:
    def spoil(manifest: bytes) -> bytes:
        told = orjson.loads(manifest)
        del told[name]
        return orjson.dumps(told)

    return spoil


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: b"",
        lambda manifest: manifest[:-20],
        lambda _: b"[]",
        lambda manifest: manifest.replace(b"rpcbackend-backup/1", b"rpcbackend-backup/2"),
        lambda manifest: manifest.replace(b'"daily"', b'"whim"'),
        lambda manifest: manifest.replace(b'"bytes": 5', b'"bytes": 6'),
        _without("facts"),
        _without("sha256"),
    ],
    ids=["empty", "cut", "array", "format", "reason", "size", "no facts", "no checksum"],
)
def test_a_manifest_that_is_not_whole_or_of_another_file_makes_no_backup(
    tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    backup = put(make_backup(folder=tmp_path))
    manifest = backup.path.with_suffix(".json")
    manifest.write_bytes(spoil(manifest.read_bytes()))

    assert list_backups(tmp_path) == []
    with pytest.raises(NoBackupError):
        read_backup(backup.path)


@pytest.mark.parametrize("end", [".db", ".json"])
def test_one_file_without_the_other_is_no_backup(tmp_path: Path, end: str) -> None:
    put(make_backup(folder=tmp_path)).path.with_suffix(end).unlink()

    assert list_backups(tmp_path) == []


def test_marks_tell_keys_apart_and_not_what_they_are() -> None:
    marks = {mark_of(None), mark_of(bytes(32)), mark_of(bytes(range(32)))}

    assert len(marks) == 3
    assert None in marks
    assert all(bytes(32).hex() not in (mark or "") for mark in marks)


def test_a_backup_a_day_for_a_year_leaves_seven_days_and_four_weeks() -> None:
    year = [make_backup(NOON - timedelta(days=day)) for day in range(365)]

    gone = superfluous(year)
    kept = [backup for backup in year if backup not in gone]

    # Monday 23, so the seven days reach back into the week before; of those, the Sundays.
    days = [(NOON - backup.created_at).days for backup in kept]
    assert days == [0, 1, 2, 3, 4, 5, 6, 8, 15]


def test_of_a_day_the_newest_stays() -> None:
    morning, evening = make_backup(NOON), make_backup(NOON + timedelta(hours=8))

    assert superfluous([morning, evening]) == [morning]


def test_three_of_every_other_reason_stay_whatever_their_age() -> None:
    made: list[Reason] = ["before-migration", "before-restore", "before-rekey"]
    backups = [
        make_backup(NOON - timedelta(days=100 * number), reason)
        for reason in made
        for number in range(5)
    ]

    gone = superfluous(backups)

    assert sorted(backup.reason for backup in gone) == sorted(made * 2)
    assert {(NOON - backup.created_at).days for backup in gone} == {300, 400}


@given(
    st.lists(
        st.builds(
            make_backup,
            st.integers(0, 90 * 24 * 60).map(lambda minutes: NOON - timedelta(minutes=minutes)),
            st.sampled_from(REASONS),
        ),
        unique_by=lambda backup: backup.id,
    )
)
def test_retention_keeps_the_newest_is_bounded_and_settles_at_once(backups: list[Backup]) -> None:
    gone = superfluous(backups)
    kept = [backup for backup in backups if backup not in gone]

    assert sorted([*gone, *kept], key=id) == sorted(backups, key=id)
    assert superfluous(kept) == []
    assert len(kept) <= 7 + 4 + 3 * (len(REASONS) - 1)
    if backups:
        newest = max(backup.created_at for backup in backups)
        assert any(backup.created_at == newest for backup in kept)
    # Whatever goes has a newer one of its own kind, but for the last of a long line.
    for backup in gone:
        assert any(other.created_at >= backup.created_at for other in kept)


@given(st.permutations([make_backup(NOON - timedelta(hours=9 * n)) for n in range(12)]))
def test_retention_does_not_depend_on_the_order(backups: list[Backup]) -> None:
    assert superfluous(backups) == superfluous(sorted(backups, key=lambda backup: backup.id))


def test_what_a_manifest_tells_comes_back(tmp_path: Path) -> None:
    backup = put(replace(make_backup(folder=tmp_path), key_mark=None, is_encrypted=False))

    assert read_backup(backup.path) == backup
