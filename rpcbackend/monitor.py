"""What handlers ask of the part that counts and measures what the process does."""

from typing import Protocol

from rpcbackend.schema.metrics import Metrics


class Monitor(Protocol):
    """Knows the figures of this process."""

    async def metrics(self, *, has_buckets: bool) -> Metrics:
        """Return them; with the buckets of histograms, if wanted."""
        ...

    async def prometheus(self) -> str:
        """Return them as text for a Prometheus server."""
        ...
