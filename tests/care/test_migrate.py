"""`rpcbackend migrate`: up to date, with a backup first."""

from io import StringIO
from pathlib import Path

import pytest

from rpcbackend.care.migrate import migrate_directory
from rpcbackend.store import list_backups
from rpcbackend.store.driver import Opener
from rpcbackend.store.migrations import latest_version, migrate
from tests.care.conftest import line_of, make_store
from tests.factories import KEY


def test_an_old_store_is_brought_up_to_date_and_said_where_the_old_one_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    connection = Opener(tmp_path / "school.db", KEY, may_write=True)()
    migrate(connection, 0, to=1)
    connection.close()

    assert migrate_directory(tmp_path, StringIO(line_of(KEY))) == 0

    (backup,) = list_backups(tmp_path / "backups")
    assert (backup.reason, backup.facts.schema_version) == ("before-migration", 1)
    assert capsys.readouterr().err == (
        f"rpcbackend: the database in {tmp_path} is brought from schema 1 to {latest_version()};"
        f" what was there before is {backup.path}\n"
    )


def test_a_store_that_is_up_to_date_costs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = make_store(tmp_path)

    assert migrate_directory(tmp_path, StringIO(line_of(KEY))) == 0

    assert list_backups(tmp_path / "backups") == [backup]
    assert f"is up to date (schema {latest_version()})" in capsys.readouterr().err
