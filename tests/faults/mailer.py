"""The program that dies: sends what is in an outbox to a port, and dies at one of the messages.

Its arguments are a data directory, the port of the receiver, the place where it dies (`before` the
send, `between` the send and its mark, after the `mark`, or `never`), and at which message.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

import orjson

from rpcbackend.clock import SystemClock
from rpcbackend.store import Lease, open_store
from tests.store.sender import Sender


class Mailer:
    """Speaks to the receiver: a line for each message, and waits until it says that it has it."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, place: str, at: int
    ) -> None:
        self._reader, self._writer = reader, writer
        self._place, self._at = place, at
        self._count = 0

    async def post(self, lease: Lease) -> None:
        """Hand a message over."""
        self._count += 1
        self.die_at("before")
        told = {"id": lease.id, "key": lease.message.dedupe_key, "attempt": lease.attempt}
        self._writer.write(orjson.dumps(told) + b"\n")
        assert await self._reader.readline() == b"ok\n"
        self.die_at("between")

    def die_at(self, place: str) -> None:
        """Die if this is the place."""
        if (self._place, self._at) == (place, self._count):
            os.kill(os.getpid(), signal.SIGKILL)


async def main(directory: str, port: str, place: str, at: str) -> None:
    """Send until nothing is due."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
    mailer = Mailer(reader, writer, place, int(at))
    store = await open_store(Path(directory))
    sender = Sender(store, SystemClock(), mailer.post)
    while leases := await sender.lease(limit=5):
        for lease in leases:
            await mailer.post(lease)
            await sender.mark(lease)
            mailer.die_at("mark")
    await store.close()
    writer.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
