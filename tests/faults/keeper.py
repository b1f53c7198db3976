"""The program that dies while it takes care of a store (`mortal.py`): its argument says how.

It says `row N` for a row that is durable, `done` for the care, and `refused SYMBOL OUTCOME`.
"""

import asyncio
from collections.abc import Awaitable, Callable

from rpcbackend.rpc_error import RpcError
from rpcbackend.store import Command, Origin, Store, open_store, restore
from tests.factories import KEY
from tests.faults.mortal import Task, run_lives, say
from tests.faults.rekeyer import add

NEW_KEY = bytes(range(100, 132))

BEFORE, AFTER, MEANWHILE = range(10, 13), range(20, 23), range(30, 33)
"""Numbers of the rows that are in the backup, of those that came after it, and of those that come
while the store is taken care of."""


async def live(task: Task) -> None:
    """Do what the argument says."""
    await _LIVES[task.arguments[0]](task)


async def back_up(task: Task) -> None:
    """Make a backup while rows arrive."""
    await _meanwhile(task, lambda store: store.backup("daily"))


async def put_back(task: Task) -> None:
    """Put the one backup in the place of the store while rows arrive."""

    async def care(store: Store) -> object:
        (backup,) = store.backups()
        origin = Origin(path=backup.path, actor="tests", command=Command(channel="tests"))
        return await restore(store, origin, _nobody)

    await _meanwhile(task, care)


async def change_key(task: Task) -> None:
    """Change the key of the store and of its backups while rows arrive."""
    await _meanwhile(task, lambda store: store.rekey(NEW_KEY, _nobody))


async def bring_up_to_date(task: Task) -> None:
    """Open a store, whatever is due."""
    task.arm()
    store = await open_store(task.directory, key=KEY)
    say("done")
    await add(store, MEANWHILE[0])
    await store.close()


async def _meanwhile(task: Task, care: Callable[[Store], Awaitable[object]]) -> None:
    store = await open_store(task.directory, key=KEY)
    task.arm()
    async with asyncio.TaskGroup() as group:
        group.create_task(_told(care(store)))
        for number in MEANWHILE:
            group.create_task(add(store, number))
    await store.close()


async def _told(care: Awaitable[object]) -> None:
    try:
        await care
    except RpcError as refused:
        say(f"refused {refused.symbol} {refused.outcome}")
    else:
        say("done")


def _nobody(_done: int, _total: int, _message: str) -> None:
    """Hear of progress."""


_LIVES = {
    "backup": back_up,
    "restore": put_back,
    "rekey": change_key,
    "open": bring_up_to_date,
}


if __name__ == "__main__":
    run_lives(live)
