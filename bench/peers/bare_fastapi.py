"""A bare FastAPI server: one route that validates and echoes, and the page that calls it.

Usage: python bare_fastapi.py PAGE; the first line on stdout is the port.
"""

import asyncio
import socket
import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

app = FastAPI()


class Echo(BaseModel):
    """What ping takes and answers: nothing."""


@app.post("/ping")
async def ping(params: Echo) -> Echo:
    """Answer what came."""
    return params


@app.get("/")
async def page() -> HTMLResponse:
    """Return the page of the benchmark, so that it calls its own origin."""
    return HTMLResponse(await asyncio.to_thread(Path(sys.argv[1]).read_text, encoding="utf-8"))


def main() -> None:
    """Serve on a free port of this machine."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        print(listener.getsockname()[1], flush=True)
        config = uvicorn.Config(app, log_level="warning", access_log=False)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
