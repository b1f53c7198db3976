"""The settings of a process that serves, with what stands on its command line."""

import argparse
import sys
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rpcbackend.config import Settings, load_settings


def settings_of(
    given: argparse.Namespace, *, bind: str | None, record: Path | None = None
) -> Settings | None:
    """Return the settings, or None when stderr was told why there are none.

    Args:
        given: Has the file of settings, the data directory and the level of the log.
        bind: Where the mirror should listen.
        record: What a transcript is written to.
    """
    groups: dict[str, Any] = {
        "log": {"level": given.log_level} if given.log_level else None,
        "record": {"file": record} if record else None,
        "api": _mirror_at(bind) if bind is not None else None,
    }
    try:
        return load_settings(given.config, data_dir=given.data_dir, **groups)
    except (ValidationError, OSError, ValueError) as error:
        sys.stderr.write(f"rpcbackend: the configuration cannot be used: {error}\n")
        return None


def _mirror_at(address: str) -> dict[str, Any]:
    """Read HOST:PORT; whether they are any is checked where all settings are."""
    host, _, port = address.rpartition(":")
    return {"enabled": True, "host": host.strip("[]"), "port": port}
