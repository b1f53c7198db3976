"""Bare asyncio with pydantic: what an honest hand-written server of one method would be."""

import asyncio
import os
import sys
from typing import Any

import orjson
from pydantic import BaseModel


class Echo(BaseModel):
    """Params of the one method."""

    studentId: str | None = None  # noqa: N815 (the wire's name)


async def main() -> None:
    """Answer every line with its own params, validated."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**22)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    os.write(1, b'{"jsonrpc":"2.0","method":"system.ready","params":{}}\n')
    while line := await reader.readline():
        request: dict[str, Any] = orjson.loads(line)
        params = Echo.model_validate(request.get("params", {}))
        reply = {"jsonrpc": "2.0", "id": request["id"], "result": params.model_dump()}
        os.write(1, orjson.dumps(reply) + b"\n")


if __name__ == "__main__":
    asyncio.run(main())
