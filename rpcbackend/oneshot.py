"""One call from the shell: `rpcbackend call CHANNEL JSON`."""

import asyncio
import sys
import traceback
from pathlib import Path
from typing import Any

import orjson

from rpcbackend.app import Application, Outside
from rpcbackend.config import find_data_dir
from rpcbackend.door import ExitRequestedError
from rpcbackend.protocol import codec
from rpcbackend.serve import owned

EX_USAGE = 64


def call_once(channel: str, params: str, data_dir: Path | None) -> int:
    """Make the call in this process, print the result, and return 1 for an error reply."""
    try:
        given = orjson.loads(params)
    except orjson.JSONDecodeError as error:
        sys.stderr.write(f"rpcbackend: the params are not JSON: {error}\n")
        return EX_USAGE
    directory = find_data_dir(data_dir)
    try:
        with owned(directory):
            reply = asyncio.run(_call(directory, channel, given))
    except ExitRequestedError as end:
        sys.stderr.write(f"rpcbackend: {end}\n")
        return end.code
    is_error = "error" in reply
    answer = reply["error"] if is_error else reply["result"]
    text = orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode() + "\n"
    (sys.stderr if is_error else sys.stdout).write(text)
    return 1 if is_error else 0


class _Reply:
    """A sink that keeps the one reply."""

    def __init__(self) -> None:
        self.line: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def send(self, line: bytes) -> None:
        if not self.line.done():
            self.line.set_result(line)

    is_writable = True
    is_backed_up = False

    async def writable(self) -> None:
        """Take everything at once."""


def _print_bug(bug: Exception, correlation_id: str) -> None:
    sys.stderr.write(f"{correlation_id}\n")
    traceback.print_exception(bug)


async def _call(directory: Path, channel: str, params: Any) -> dict[str, Any]:
    app = Application(directory, Outside(report_bug=_print_bug))
    await app.boot()
    try:
        sink = _Reply()
        app.connect(sink).receive(codec.request(1, channel, params))
        reply: dict[str, Any] = codec.decode(await sink.line)
        return reply
    finally:
        await app.close()
