"""The settings of a process that serves, with what stands on its command line."""

import argparse
from pathlib import Path
from typing import Any

from rpcbackend.config import ConfigurationError, Settings, load_settings


def settings_of(
    given: argparse.Namespace, *, bind: str | None, record: Path | None = None
) -> Settings:
    """Return the settings.

    Args:
        given: Has the file of settings, the data directory and the level of the log.
        bind: Where the mirror should listen.
        record: What a transcript is written to.

    Raises:
        ConfigurationError: They cannot be used.
    """
    groups: dict[str, Any] = {
        "log": {"level": given.log_level} if given.log_level else None,
        "record": {"file": record} if record else None,
        "api": _mirror_at(bind) if bind is not None else None,
    }
    return load_settings(given.config, data_dir=given.data_dir, **groups)


def _mirror_at(address: str) -> dict[str, Any]:
    """Read HOST:PORT; whether it may be there is checked where all settings are."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ConfigurationError(f"{address!r} is no HOST:PORT, such as 127.0.0.1:8750")
    return {"enabled": True, "host": host.strip("[]"), "port": port}
