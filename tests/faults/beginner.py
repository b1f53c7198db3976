"""The program that dies while it makes a store where there was nothing (`mortal.py`).

It says `made` when the store is open, and `row N` for each row that is durable.
"""

from rpcbackend.store import open_store
from tests.factories import KEY
from tests.faults.mortal import Task, run_lives, say
from tests.faults.rekeyer import add

ROWS = range(10, 13)

PLACE = "school/data"
"""The data directory within the folder: neither of the two is there before."""


async def begin(task: Task) -> None:
    """Make a store, write rows, close."""
    task.arm()
    store = await open_store(task.directory / PLACE, key=KEY)
    say("made")
    for number in ROWS:
        await add(store, number)
    await store.close()


if __name__ == "__main__":
    run_lives(begin)
