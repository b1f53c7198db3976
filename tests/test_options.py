"""What the command line has to say about settings."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from rpcbackend.config import ConfigurationError
from rpcbackend.options import settings_of


def options(**given: Any) -> Namespace:
    """Make what was given on a command line."""
    return Namespace(**{"config": None, "data_dir": None, "log_level": None} | given)


@pytest.mark.parametrize(
    ("bind", "host", "port"),
    [
        ("127.0.0.1:8750", "127.0.0.1", 8750),
        ("[::1]:0", "::1", 0),
        ("localhost:80", "localhost", 80),
    ],
)
def test_where_to_listen_opens_the_mirror_there(bind: str, host: str, port: int) -> None:
    settings = settings_of(options(), bind=bind)

    assert (settings.api.enabled, settings.api.host, settings.api.port) == (True, host, port)


@pytest.mark.parametrize("bind", ["", "8750", ":8750", "127.0.0.1:", "127.0.0.1:http", ":1:"])
def test_what_is_no_place_to_listen_is_refused(bind: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        settings_of(options(), bind=bind)

    assert str(refused.value) == f"{bind!r} is no HOST:PORT, such as 127.0.0.1:8750"


def test_without_tls_the_mirror_is_for_this_machine_alone() -> None:
    with pytest.raises(ConfigurationError) as refused:
        settings_of(options(), bind="0.0.0.0:80")

    assert str(refused.value) == (
        "api: to be reached by other machines it needs https, or api.trusted_proxies that speak"
        " TLS for it"
    )


def test_what_is_not_said_is_left_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[log]\nlevel = "ERROR"\n[api]\nbodyBytes = 2048\n', encoding="utf-8")

    settings = settings_of(
        options(config=file, data_dir=tmp_path), bind="127.0.0.1:0", record=tmp_path / "t"
    )

    assert (settings.log.level, settings.record.file) == ("ERROR", tmp_path / "t")
    assert (settings.api.body_bytes, settings.api.enabled) == (2_048, True)
