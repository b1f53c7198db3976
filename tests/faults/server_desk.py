"""A desk over a server's database that never gives up: each command is sent until it is answered.

`python -m tests.faults.server_desk URL NAME COUNT` prints the id of each branch that it made.
"""

import asyncio
import sys
from typing import Any

from rpcbackend.store import Place
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, running_app


async def main(url: str, name: str, count: int) -> None:
    """Make so many branches."""
    async with running_app(surroundings=Surroundings(place=Place(url=url))) as app:
        client = Client(app)
        for number in range(count):
            params = {
                "name": f"{name} {number}",
                "zone": "Europe/Berlin",
                "currency": "EUR",
                "_meta": {"idempotencyKey": f"{name} {number}", "timeoutMs": 60_000},
            }
            sys.stdout.write(f"{await answer(client, params)}\n")
            sys.stdout.flush()


async def answer(client: Client, params: dict[str, Any]) -> str:
    """Send a command until it is answered, under the same key."""
    while True:
        try:
            async with asyncio.timeout(60):
                reply = await client.start("branches.save", params)
        except TimeoutError:
            continue
        if "result" in reply:
            return str(reply["result"]["id"])
        failed = CallFailedError(reply["error"])
        if not failed.data["retryable"]:
            raise failed


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
