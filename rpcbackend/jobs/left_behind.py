"""Jobs that a process left behind: some go on in this one, and all others have failed."""

from collections.abc import Callable

from loguru import logger

from rpcbackend.jobs import records
from rpcbackend.jobs.roster import Roster
from rpcbackend.running import Order
from rpcbackend.store import LeftJob, Store, Work

AT_ONCE = 100
"""More than a process has at a time."""

Resume = Callable[[LeftJob], Order | None]


async def take_over(
    store: Store, roster: Roster, resume: Resume, start: Callable[[Order], None]
) -> None:
    """Go on with what was left behind in a store that was opened, or record that it has failed.

    Args:
        store: Was opened a moment ago; one that is only read keeps what was left as it is.
        roster: The jobs of this process.
        resume: Returns what goes on with a job, or None.
        start: Runs that.
    """
    if store.engine.read_only is not None or not store.engine.was_alone:
        # Where there are others, what runs may be theirs.
        return
    try:
        for order in await _orders(store, roster, resume):
            start(order)
    except Exception as error:  # noqa: BLE001 (the store is open all the same)
        logger.bind(error=str(error)).warning("jobs that were left behind stay as they are")


async def _orders(store: Store, roster: Roster, resume: Resume) -> list[Order]:
    """Return what goes on, once the end of all else is recorded."""
    found = await store.read(lambda work: work.jobs.left(AT_ONCE))
    left = [each for each in found if not roster.knows(each.job.id)]
    orders = {each.job.id: order for each in left if (order := resume(each)) is not None}
    lost = [each.job for each in left if each.job.id not in orders]

    async def end(work: Work) -> None:
        for job in lost:
            await records.put_unless_over(work, roster.lost(job))

    if lost:
        await store.write(end, actor="jobs")
    return list(orders.values())
