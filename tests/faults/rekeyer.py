"""The program that dies while it changes a key (`mortal.py`).

It says a line for each row that is durable, and one for the change of keys.
"""

import asyncio

from rpcbackend.rpc_error import RpcError
from rpcbackend.store import Store, Work, open_store
from tests.factories import an_id, make_branch
from tests.faults.mortal import Task, run_lives, say

OLD, NEW = bytes(32), bytes(range(32))
BEFORE, MEANWHILE = range(10, 13), range(20, 23)
"""Numbers of the rows that are written before the change, and of those that come during it."""


async def change(task: Task) -> None:
    """Write rows, change the key while more of them arrive, and close."""
    store = await open_store(task.directory, key=OLD)
    for number in BEFORE:
        await add(store, number)
    task.arm()
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
        # Of the database alone; test_care.py has its backups.
        await store.sqlite.rekey(NEW, lambda *_: None)
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


if __name__ == "__main__":
    run_lives(change)
