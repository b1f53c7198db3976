"""Jobs that a process left behind: some go on in this one, and all others have failed."""

from collections.abc import Callable, Collection

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
        for order in await _orders(store, roster, resume, await _unknown(store, roster)):
            start(order)
    except Exception as error:  # noqa: BLE001 (the store is open all the same)
        logger.bind(error=str(error)).warning("jobs that were left behind stay as they are")


async def adopt(
    store: Store,
    roster: Roster,
    resume: Resume,
    start: Callable[[Order], None],
    suspected: Collection[str],
) -> set[str]:
    """Go on with what another process left behind that died while this one served beside it.

    Once is not enough: a process that has just recorded a job, or lost its connection for a moment,
    has it under way all the same. Should one still turn up, the lease lets it change nothing.

    Args:
        store: This process leads those that share it.
        roster: As `take_over`.
        resume: The same.
        start: The same.
        suspected: What this returned the last time.

    Returns:
        The jobs that no process has under way.
    """
    left = await _unknown(store, roster)
    held = await store.engine.others.held(each.job.id for each in left) if left else set()
    alone = [each for each in left if each.job.id not in held]
    gone = [each for each in alone if each.job.id in suspected]
    for order in await _orders(store, roster, resume, gone):
        start(order)
    return {each.job.id for each in alone} - {each.job.id for each in gone}


async def _unknown(store: Store, roster: Roster) -> list[LeftJob]:
    found = await store.read(lambda work: work.jobs.left(AT_ONCE))
    return [each for each in found if not roster.knows(each.job.id)]


async def _orders(
    store: Store, roster: Roster, resume: Resume, left: Collection[LeftJob]
) -> list[Order]:
    """Return what goes on, once the end of all else is recorded."""
    orders = {each.job.id: order for each in left if (order := resume(each)) is not None}
    lost = [each.job for each in left if each.job.id not in orders]

    async def end(work: Work) -> None:
        for job in lost:
            await records.put_unless_over(work, roster.lost(job))

    if lost:
        await store.write(end, actor="jobs")
    return list(orders.values())
