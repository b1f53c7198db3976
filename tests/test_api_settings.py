"""What may be set of the mirror, and what ends the start."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from rpcbackend.api_settings import ApiSettings, SecuritySettings
from rpcbackend.config import ConfigurationError, load_settings
from tests.clauses import clause

SECRET = "x" * 32
EVERYWHERE = "0.0.0.0"  # noqa: S104 (nothing is bound)


def load(file: Path, text: str) -> Any:
    """Load a file of settings."""
    file.write_text(text, encoding="utf-8")
    return load_settings(file)


def test_it_is_off_and_on_loopback_by_default() -> None:
    api = ApiSettings()

    assert (api.enabled, api.host, api.protocol, api.auth.type) == (
        False,
        "127.0.0.1",
        "http",
        "jwt",
    )
    assert api.is_loopback
    assert api.cors.origins == ()


def test_the_names_of_the_design_are_those_of_the_file(tmp_path: Path) -> None:
    settings = load(
        tmp_path / "c.toml",
        """
        [api]
        host = "127.0.0.1"
        port = 8750
        protocol = "http"
        auth = { type = "basic" }
        cors = { origins = ["https://a.example"], methods = ["POST"] }

        [security]
        jwt = { secret = "01234567890123456789012345678901", expiresIn = "5m" }
        cors = { allowedOrigins = ["https://a.example"], allowedMethods = ["GET", "POST"] }
        rateLimit = { window = "1m", max = 100 }
        """,
    )

    assert settings.api.auth.type == "basic"
    assert settings.security.jwt.expires_in == 300
    assert settings.security.rate_limit.window == 60
    assert settings.security.jwt.signing().life_seconds == 300


def test_the_environment_names_them_with_underscores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RPCBACKEND_SECURITY__RATE_LIMIT__MAX", "7")
    monkeypatch.setenv("RPCBACKEND_API__TRUSTED_PROXIES", '["10.0.0.1"]')

    settings = load_settings(None)

    assert settings.security.rate_limit.max == 7
    assert settings.api.trusted_proxies == ("10.0.0.1",)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("250ms", 0.25), ("1s", 1.0), ("1.5s", 1.5), ("2m", 120.0), ("1h", 3_600.0), (3, 3.0)],
)
def test_a_duration_has_a_unit_or_is_of_seconds(written: object, seconds: float) -> None:
    given = SecuritySettings.model_validate({"rateLimit": {"window": written}})

    assert given.rate_limit.window == seconds


@clause("mirror-closed")
@pytest.mark.parametrize(
    "given",
    [
        {"host": EVERYWHERE},
        {"host": "192.0.2.1"},
        {"host": "::"},
        {"host": "school.example"},
        {"host": EVERYWHERE, "trustedProxies": ["10.0.0.1"]},
        {"protocol": "https"},
        {"protocol": "https", "tls": {"certificate": "/c"}},
        {"trustedProxies": ["anybody"]},
        {"port": 65_536},
        {"cors": {"origins": ["*"]}},
        {"cors": {"origins": ["https://a.example/"]}},
        {"cors": {"origins": ["null"]}},
        {"cors": {"methods": ["DELETE"]}},
        {"auth": {"type": "none"}},
        {"nonsense": 1},
    ],
    ids=str,
)
def test_what_would_not_be_safe_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ApiSettings.model_validate(given)


@pytest.mark.parametrize(
    "given",
    [
        {"host": "192.0.2.1", "protocol": "https", "tls": {"certificate": "/c", "key": "/k"}},
        {"host": EVERYWHERE, "hosts": ["a.example"], "trustedProxies": ["10.0.0.0/8"]},
        {"host": "::1"},
        {"host": "127.8.8.8"},
        {"host": "localhost"},
    ],
    ids=str,
)
def test_what_is_safe_is_not(given: dict[str, Any]) -> None:
    ApiSettings.model_validate(given)


@pytest.mark.parametrize(
    "given",
    [
        {"jwt": {"secret": "short"}},
        {"jwt": {"expiresIn": "10s"}},
        {"jwt": {"expiresIn": "2h"}},
        {"jwt": {"expiresIn": "soon"}},
        {"rateLimit": {"max": 0}},
        {"rateLimit": {"window": "0s"}},
    ],
    ids=str,
)
def test_security_has_its_bounds(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SecuritySettings.model_validate(given)


def test_the_second_list_of_origins_is_the_most_there_may_be(tmp_path: Path) -> None:
    text = """
        [api.cors]
        origins = ["https://a.example", "https://b.example"]
        [security.cors]
        allowedOrigins = ["https://a.example"]
    """

    with pytest.raises(ConfigurationError, match=r"security\.cors does not"):
        load(tmp_path / "c.toml", text)


def test_a_secret_is_not_shown(tmp_path: Path) -> None:
    settings = load(tmp_path / "c.toml", f'[security.jwt]\nsecret = "{SECRET}"\n')

    assert SECRET not in repr(settings)
    assert SECRET not in str(settings.model_dump())
    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path / "c.toml", f'[security.jwt]\nsecret = "{SECRET[:20]}"\n')
    assert SECRET[:20] not in str(refused.value)
