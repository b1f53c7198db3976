"""What becomes of jobs that a process left behind that died."""

from collections.abc import Callable

from loguru import logger

from rpcbackend.jobs import records
from rpcbackend.schema.jobs import Job
from rpcbackend.store import Store, Work

AT_ONCE = 100


async def end_left_behind(store: Store, shown: Callable[[Job], Job]) -> None:
    """Record that those have failed that nobody runs any more.

    Args:
        store: Was opened a moment ago.
        shown: Returns how a recorded job is now.
    """
    try:
        await _end(store, shown)
    except Exception as error:  # noqa: BLE001 (the store is open all the same)
        logger.bind(error=str(error)).warning("jobs that were left behind stay as they are")


async def _end(store: Store, shown: Callable[[Job], Job]) -> None:
    recorded = await store.read(lambda work: work.jobs.not_over(AT_ONCE))
    left = [shown(job) for job in recorded]

    async def unit(work: Work) -> None:
        for job in left:
            if job.state.is_over:
                await records.put_unless_over(work, job)

    if left:
        await store.write(unit, actor="jobs")
