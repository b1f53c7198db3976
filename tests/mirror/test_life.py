"""Why there can be no mirror."""

import socket
from errno import EADDRINUSE
from pathlib import Path

import pytest

from rpcbackend.api_settings import ApiSettings
from rpcbackend.app import Application
from rpcbackend.config import Settings
from rpcbackend.door import ExitRequestedError
from rpcbackend.mirror.life import mirrored
from rpcbackend.mirror.listener import bind
from rpcbackend.testing import FrozenClock


async def test_an_address_that_is_taken_ends_the_start_with_69(
    app: Application, clock: FrozenClock
) -> None:
    with bind(ApiSettings()) as taken:
        taken.listen()
        settings = Settings(api=ApiSettings(port=taken.getsockname()[1]))

        with pytest.raises(ExitRequestedError, match="cannot be listened on") as end:
            await mirrored(app, settings, clock).__aenter__()

    assert end.value.code == 69


class Overtaken(socket.socket):
    """A socket on whose address another one listens since it was bound."""

    def listen(self, backlog: int = 0, /) -> None:
        """Find that out."""
        raise OSError(EADDRINUSE, f"taken, whatever the backlog ({backlog})")


async def test_an_address_that_somebody_takes_between_bind_and_listen_does_too(
    app: Application, clock: FrozenClock
) -> None:
    sock = Overtaken(fileno=bind(ApiSettings()).detach())

    with pytest.raises(ExitRequestedError, match="cannot be listened on: taken") as end:
        await mirrored(app, Settings(), clock, sock).__aenter__()

    assert end.value.code == 69


async def test_a_certificate_that_is_none_ends_the_start_with_78(
    app: Application, clock: FrozenClock, tmp_path: Path
) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("none", encoding="utf-8")
    tls = {"certificate": tmp_path / "cert.pem", "key": tmp_path / "key.pem"}
    api = ApiSettings.model_validate({"protocol": "https", "tls": tls})

    with pytest.raises(ExitRequestedError, match="cannot be used") as end:
        await mirrored(app, Settings(api=api), clock).__aenter__()

    assert end.value.code == 78
