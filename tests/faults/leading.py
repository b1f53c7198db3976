"""A process of a school that sends what is in the outbox, and says so: to be stopped and killed.

`python -m tests.faults.leading URL` prints `leads` when it begins to, and the recipient of each
message that it hands over.
"""

import asyncio
import random
import sys

from rpcbackend.clock import SystemClock
from rpcbackend.outside.channels import Direct
from rpcbackend.outside.sender import Sender
from rpcbackend.store import Message, Place, open_server_store


class Told:
    """Takes every message, and says it."""

    async def send(self, id: str, message: Message) -> str | None:  # noqa: ARG002 (as of an adapter)
        """Take one."""
        say(message.recipient)
        return None

    async def close(self) -> None:
        """Need no end."""


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def main(url: str) -> None:
    """Send until the end comes from outside."""
    clock = SystemClock()
    store = await open_server_store(Place(url=url), clock=clock)
    chance = random.Random()  # noqa: S311 (spreads waits)
    sender = Sender({"webhook": Direct(Told)}, clock=clock, random=chance.random)
    store.on_lead.append(lambda: say("leads"))
    if store.engine.is_leader:
        say("leads")
    sender.welcome(store)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
