"""One call from the shell: `rpcbackend call CHANNEL JSON`."""

import asyncio
import sys
import traceback
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from rpcbackend.app import Application
from rpcbackend.config import Settings, default_data_dir, load_settings
from rpcbackend.contract.shipped import read_contract
from rpcbackend.door import ExitRequestedError
from rpcbackend.exits import EX_USAGE
from rpcbackend.process_life import owned
from rpcbackend.protocol import codec
from rpcbackend.schema.jobs import Job, JobState
from rpcbackend.security.process import harden, make_files_private
from rpcbackend.surroundings import Surroundings

FROM_STDIN = "-"


def call_once(
    channel: str, params: str, data_dir: Path | None, stdin: BinaryIO | None = None
) -> int:
    """Make the call in this process, print the result, and return 1 for an error reply.

    A job is waited for, and printed as it has ended.

    Args:
        channel: What to call.
        params: As JSON, or `-` for what stands on stdin: secrets are taken from there only, for
            others can read the command line, and the shell remembers it.
        data_dir: None for the one the system keeps for this user.
        stdin: Of the process unless it is given.
    """
    make_files_private()
    harden()
    try:
        given = _read(channel, params, stdin or sys.stdin.buffer)
        settings = load_settings(None, data_dir=data_dir)
        directory = settings.data_dir or default_data_dir()
        with owned(directory):
            reply = asyncio.run(_call(directory, settings, channel, given))
    except ExitRequestedError as end:
        sys.stderr.write(f"rpcbackend: {end}\n")
        return end.code
    is_error = "error" in reply
    answer = reply["error"] if is_error else reply["result"]
    text = orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode() + "\n"
    (sys.stderr if is_error else sys.stdout).write(text)
    return 1 if is_error else 0


def _read(channel: str, params: str, stdin: BinaryIO) -> Any:
    is_from_stdin = params == FROM_STDIN
    try:
        given = orjson.loads(stdin.read() if is_from_stdin else params)
    except orjson.JSONDecodeError as error:
        raise ExitRequestedError(EX_USAGE, f"the params are not JSON: {error}") from None
    if not is_from_stdin and (shown := _secrets_in(channel, given)):
        raise ExitRequestedError(
            EX_USAGE,
            f"others can read the command line: give {', '.join(shown)} on stdin, with - as params",
        )
    return given


def _secrets_in(channel: str, given: Any) -> list[str]:
    """Return the names of those of the params that the contract calls secret."""
    contract = orjson.loads(read_contract())
    schemas = {
        param["name"]: param["schema"]
        for method in contract["methods"]
        if method["name"] == channel
        for param in method["params"]
    }
    if isinstance(given, list):
        given = dict(zip(schemas, given, strict=False))
    if not isinstance(given, dict):
        return []
    options = contract["components"]["schemas"]["CallMeta"]["properties"]
    meta = given.get("_meta")
    shown = [name for name in given if _is_secret(schemas.get(name))]
    if isinstance(meta, dict):
        shown += [f"_meta.{name}" for name in meta if _is_secret(options.get(name))]
    return shown


def _is_secret(schema: Any) -> bool:
    # Anywhere in it: the mark stands within a choice when the param may be null.
    return b'"x-secret":true' in orjson.dumps(schema)


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


def _reply_of(job: Job) -> dict[str, Any]:
    """Return a job that has ended as the reply: nobody is left to ask for it."""
    return {"result" if job.state is JobState.DONE else "error": job.model_dump(mode="json")}


async def _call(directory: Path, settings: Settings, channel: str, params: Any) -> dict[str, Any]:
    app = Application(
        directory,
        Surroundings(report_bug=_print_bug),
        disk=settings.disk,
        outside=settings.outside,
        is_read_only=settings.read_only,
    )
    await app.boot()
    try:
        sink = _Reply()
        app.connect(sink).receive(codec.request(1, channel, params))
        reply: dict[str, Any] = codec.decode(await sink.line)
        job = await app.jobs.ended(reply.get("result", {}).get("jobId", ""))
        return _reply_of(job) if job is not None else reply
    finally:
        await app.close()
