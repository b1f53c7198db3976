"""The mirror put together, and why there can be none."""

import subprocess
import sys

from rpcbackend.api_settings import ApiSettings
from rpcbackend.app import Application
from rpcbackend.config import Settings
from rpcbackend.mirror.mirror import Mirror
from rpcbackend.testing import Client, FrozenClock
from tests.clauses import clause


async def test_the_desk_is_told_where_it_listens_as_long_as_it_does(
    app: Application, clock: FrozenClock
) -> None:
    client = Client(app)
    mirror = Mirror(app, ApiSettings(), Settings().security, clock)
    await mirror.start()

    assert (await client.call("system.health"))["mirrorUrl"] == mirror.url
    await mirror.close()
    assert (await client.call("system.health"))["mirrorUrl"] is None


@clause("mirror-off")
def test_nothing_of_it_is_loaded_where_none_is_asked_for() -> None:
    program = (
        "import sys, rpcbackend.serve, rpcbackend.app;"
        "print([name for name in sys.modules if name.partition('.')[0] in"
        " ('fastapi', 'starlette', 'uvicorn', 'h11') or name.startswith('rpcbackend.mirror')])"
    )

    loaded = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True
    )

    assert loaded.stdout == "[]\n"
