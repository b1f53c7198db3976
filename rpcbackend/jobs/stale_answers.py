"""Removes answers that were noted and hold no more."""

from rpcbackend.store import Store


async def forget_stale(store: Store, state: bytes) -> None:
    """Remove the answers that hold in another state only: names are not kept for nothing."""
    has_stale = await store.read(lambda work: work.cached_answers.has_stale(state))
    if has_stale and store.engine.read_only is None:
        await store.write(lambda work: work.cached_answers.forget_stale(state), actor="cache")
