"""How the world outside is called, by our names and by those of the design."""

from pathlib import Path

import pytest

from rpcbackend.config import ConfigurationError, load_settings
from rpcbackend.outside.policy import Policy
from rpcbackend.outside_settings import (
    BreakerSettings,
    OutsideSettings,
    ResourceSettings,
    WebhookSettings,
)
from rpcbackend.resilience.breaker import BreakerLimits


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def read(file: Path, text: str) -> OutsideSettings:
    file.write_text(text, encoding="utf-8")
    return load_settings(file).outside


@pytest.mark.parametrize(
    "text",
    [
        "max_connections = 2\ntimeout_seconds = 5\nretry_attempts = 0\nbackoff_strategy = 'linear'",
        "maxConnections = 2\ntimeout = '5s'\nretryAttempts = 0\nbackoffStrategy = 'linear'",
    ],
    ids=["our names", "the names of the design"],
)
def test_a_channel_is_set_by_either_names(file: Path, text: str) -> None:
    outside = read(file, f"[outside.sms]\n{text}")

    assert outside.sms.policy == Policy(
        max_connections=2, timeout_seconds=5, retry_attempts=0, backoff_strategy="linear"
    )
    assert outside.mail == ResourceSettings()


@pytest.mark.parametrize("name", ["maxConnections", "max_connections"])
def test_the_environment_wins_over_either_name(
    file: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("RPCBACKEND_OUTSIDE__MAIL__MAX_CONNECTIONS", "8")

    outside = read(file, f"[outside.mail]\n{name} = 2\ntimeout = 3")

    assert (outside.mail.max_connections, outside.mail.timeout_seconds) == (8, 3.0)


def test_what_is_not_set_keeps_its_default(file: Path) -> None:
    assert read(file, "[outside.webhook]\nretryAttempts = 1").webhook == WebhookSettings(
        timeout_seconds=10, retry_attempts=1
    )


def test_the_breaker_is_set_too(file: Path) -> None:
    outside = read(file, "[outside.breaker]\nfailures = 2\nopen_seconds = 1")

    assert outside.breaker == BreakerSettings(failures=2, open_seconds=1)
    assert outside.breaker.limits == BreakerLimits(failures=2, open_seconds=1)


def test_the_defaults_are_those_of_the_parts() -> None:
    assert OutsideSettings().mail.policy == Policy()
    assert OutsideSettings().breaker.limits == BreakerLimits()


@pytest.mark.parametrize(
    "text",
    [
        "[outside.mail]\nmaxConnections = 0",
        "[outside.mail]\ntimeout = 30000",
        "[outside.mail]\ntimeout = 0",
        "[outside.mail]\nretryAttempts = -1",
        "[outside.mail]\nbackoffStrategy = 'fibonacci'",
        "[outside.mail]\nmaxconnections = 1",
        "[outside]\nmail = 4",
        "[outside.fax]\ntimeout = 1",
        "[outside.breaker]\nshare = 0",
        "[outside]\nallowPrivate = true",
    ],
)
def test_what_makes_no_sense_is_refused(file: Path, text: str) -> None:
    with pytest.raises(ConfigurationError):
        read(file, text)


def test_private_addresses_are_allowed_by_the_file(file: Path) -> None:
    assert read(file, "[outside]\nallow_private = true").allow_private


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RPCBACKEND_OUTSIDE__ALLOW_PRIVATE", "true"),
        ("rpcbackend_outside__allow_private", "true"),
        ("RPCBACKEND_OUTSIDE__ALLOW_PRIVATE", "false"),
        ("RPCBACKEND_OUTSIDE", '{"allow_private": true}'),
    ],
)
def test_and_by_nothing_else(
    file: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError, match="allow_private"):
        read(file, "")
