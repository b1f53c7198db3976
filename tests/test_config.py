"""Where settings come from, and which of them win."""

from pathlib import Path

import pytest

from rpcbackend.api_settings import ApiSettings, SecuritySettings
from rpcbackend.config import (
    MIB,
    BackupSettings,
    CacheSettings,
    ConfigurationError,
    LogSettings,
    Settings,
    default_data_dir,
    load_settings,
)
from rpcbackend.schema.limits import Limits
from tests.clauses import clause

GROUPS = {
    "limits",
    "backups",
    "cache",
    "database",
    "disk",
    "record",
    "read_only",
    "api",
    "security",
}


RESOURCE = {
    "max_connections": 4,
    "timeout_seconds": 30.0,
    "retry_attempts": 2,
    "backoff_strategy": "exponential",
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"RPCBACKEND_{name.upper()}", raising=False)
    return tmp_path / "config.toml"


def write(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.usefixtures("file")
def test_without_anything_given_the_defaults_hold() -> None:
    assert load_settings(None).model_dump(by_alias=False) == {
        "data_dir": None,
        "drain_seconds": 5.0,
        "limits": Limits().model_dump(by_alias=False),
        "backups": {"daily": True, "delay_seconds": 60.0},
        "cache": {"bytes": 16 * MIB, "ttl_seconds": 3_600.0, "warm": True},
        "database": {"url": None, "school": 1, "readers": 4},
        "disk": {
            "ballast_bytes": 16 * MIB,
            "warn_bytes": 512 * MIB,
            "read_only_bytes": 64 * MIB,
            "first_look_seconds": 1.0,
            "look_seconds": 10.0,
            "retry_seconds": 2.0,
        },
        "outside": {
            "mail": RESOURCE,
            "sms": RESOURCE,
            "payment": RESOURCE,
            "webhook": RESOURCE | {"timeout_seconds": 10.0},
            "breaker": {
                "failures": 5,
                "share": 0.5,
                "calls": 20,
                "window_seconds": 30.0,
                "open_seconds": 30.0,
                "longest_seconds": 600.0,
            },
            "allow_private": False,
        },
        "record": {
            "file": None,
            "part_bytes": 32 * MIB,
            "parts": 8,
            "waiting_bytes": 64 * MIB,
        },
        "log": {
            "level": "INFO",
            "format": "text",
            "destination": "stderr",
            "file": None,
            "max_bytes": 10 * MIB,
            "interval": "day",
            "keep_files": 10,
            "keep_days": 14,
            "compress": True,
        },
        "api": ApiSettings().model_dump(by_alias=False),
        "security": SecuritySettings().model_dump(by_alias=False),
        "read_only": False,
    }


def test_the_file_is_read(file: Path) -> None:
    write(file, 'data_dir = "/data"\ndrain_seconds = 1\n[log]\nlevel = "DEBUG"\n')

    settings = load_settings(file)

    assert (settings.data_dir, settings.drain_seconds) == (Path("/data"), 1.0)
    assert settings.log == LogSettings(level="DEBUG")


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(file, 'drain_seconds = 1\n[log]\nlevel = "DEBUG"\nformat = "json"\nkeep_days = 1\n')
    monkeypatch.setenv("RPCBACKEND_LOG__LEVEL", "WARNING")
    monkeypatch.setenv("RPCBACKEND_LOG__KEEP_DAYS", "2")
    monkeypatch.setenv("RPCBACKEND_DATA_DIR", "/from/environment")

    settings = load_settings(file, data_dir=Path("/given"), log={"level": "ERROR"}, disk=None)

    assert (settings.data_dir, settings.drain_seconds) == (Path("/given"), 1.0)
    assert settings.log == LogSettings(level="ERROR", format="json", keep_days=2)


@clause("limit-configurable")
def test_a_limit_is_set_by_the_file_or_the_environment(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(file, "[limits]\nin_flight = 8\nqueued = 16\n")
    monkeypatch.setenv("RPCBACKEND_LIMITS__QUEUED", "32")

    assert load_settings(file).limits == Limits(in_flight=8, queued=32)


def test_the_daily_backup_is_set_by_the_file_or_the_environment(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(file, "[backups]\ndaily = true\n")
    monkeypatch.setenv("RPCBACKEND_BACKUPS__DAILY", "false")
    monkeypatch.setenv("RPCBACKEND_BACKUPS__DELAY_SECONDS", "5")

    assert load_settings(file).backups == BackupSettings(daily=False, delay_seconds=5)


def test_the_room_for_answers_is_set_by_the_file_or_the_environment(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(file, "[cache]\nbytes = 0\n")
    monkeypatch.setenv("RPCBACKEND_CACHE__WARM", "false")

    assert load_settings(file).cache == CacheSettings(bytes=0, warm=False)


@pytest.mark.parametrize(
    "text",
    ["[limits]\nin_flight = 0", "[limits]\nunread_bytes = 1024", "[limits]\nunknown = 1"],
)
def test_a_limit_that_makes_no_sense_is_refused(file: Path, text: str) -> None:
    with pytest.raises(ConfigurationError):
        load_settings(write(file, text))


@pytest.mark.parametrize(
    "text",
    [
        "[backups]\ndelay_seconds = -1",
        "[cache]\nbytes = -1",
        "[cache]\nttl_seconds = 0",
        "[backups]\nhourly = true",
        "[log]\nlevel = 'LOUD'",
        "[log]\nmax_bytes = 10",
        "log_level = 'INFO'",
        "drain_seconds = 0",
        "drain_seconds = 61",
        "unknown = 1",
        "no toml",
    ],
)
def test_what_does_not_fit_is_refused(file: Path, text: str) -> None:
    with pytest.raises(ConfigurationError):
        load_settings(write(file, text))


def test_a_refusal_names_each_setting_and_does_not_repeat_its_value(file: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_settings(write(file, "colour = 1\n[log]\nlevel = 'secret'\nkeep_days = -1"))

    assert str(refused.value) == (
        "log.level: Input should be 'TRACE', 'DEBUG', 'INFO', 'WARNING' or 'ERROR'; "
        "log.keep_days: Input should be greater than or equal to 0; "
        "colour: Extra inputs are not permitted"
    )


def test_a_file_that_is_no_toml_is_named(file: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_settings(write(file, "no toml"))

    assert str(refused.value).startswith(f"{file}: Expected '=' after a key")


def test_a_file_that_is_not_there_is_refused(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no file"):
        load_settings(file)


def test_the_default_directory_is_the_user_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/home/ada/.data")

    assert default_data_dir().name == "rpcbackend"


def test_a_server_that_keeps_the_database_makes_the_backups(file: Path) -> None:
    text = '[database]\nurl = "postgresql://me:s3cret@db/school"\nschool = 7'
    settings = load_settings(write(file, text))

    place = settings.database.place
    assert place is not None
    assert (place.url, place.school, place.readers) == ("postgresql://me:s3cret@db/school", 7, 4)
    assert not settings.has_own_backups
    assert "s3cret" not in repr(settings) + repr(place)
