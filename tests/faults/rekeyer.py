"""The program that dies: changes a key, once for each line on stdin, each time in a new process.

A line names a data directory, what shall happen there, and at which call. Out comes a line for
each row that is durable and for the change of keys, and `end` with the signal that ended it.
"""

import asyncio
import os
import sys
from pathlib import Path

from rpcbackend.errors import RpcError
from rpcbackend.store import Store, Work, open_store
from tests.factories import an_id, make_branch

OLD, NEW = bytes(32), bytes(range(32))
BEFORE, MEANWHILE = range(10, 13), range(20, 23)
"""Numbers of the rows that are written before the change, and of those that come during it."""


def main() -> None:
    """Fork for each line: what is imported is imported once."""
    for line in sys.stdin:
        directory, action, at = line.split()
        child = os.fork()
        if child == 0:
            os.environ["FAULT_FOLDER"] = directory
            try:
                asyncio.run(change(Path(directory), f"{action} {at}"))
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        say(f"end {os.WTERMSIG(status)}")


async def change(directory: Path, fault: str) -> None:
    """Write rows, change the key while more of them arrive, and close."""
    store = await open_store(directory, key=OLD)
    for number in BEFORE:
        await add(store, number)
    directory.with_name(f"{directory.name}.arm").write_text(fault, encoding="utf-8")
    async with asyncio.TaskGroup() as group:
        group.create_task(rekey(store))
        # Once it has begun, for then they must wait.
        await asyncio.sleep(0)
        for number in MEANWHILE:
            group.create_task(add(store, number))
    await store.close()


async def rekey(store: Store) -> None:
    """Change the key and say how it went."""
    try:
        await store.rekey(NEW, lambda *_: None)
    except RpcError as refused:
        say(f"refused {refused.symbol} {refused.outcome}")
    else:
        say("rekeyed")


async def add(store: Store, number: int) -> None:
    """Add a row and say that it is durable, if it is."""

    async def unit(work: Work) -> None:
        await work.branches.put(make_branch(id=an_id("bra", number), address="x" * 2_000))

    try:
        await store.write(unit, actor="tests")
    except RpcError:
        return
    say(f"row {number}")


def say(line: str) -> None:
    """Write a line at once, for the next moment may be the last."""
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    main()
