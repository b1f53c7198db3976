"""What handlers ask of the parts that count, measure and log what the process does."""

from collections.abc import Callable
from typing import Protocol

from rpcbackend.schema.metrics import Metrics
from rpcbackend.schema.system import LogLevel


class Monitor(Protocol):
    """Knows the figures of this process."""

    async def metrics(self, *, has_buckets: bool) -> Metrics:
        """Return them; with the buckets of histograms, if wanted."""
        ...

    async def prometheus(self) -> str:
        """Return them as text for a Prometheus server."""
        ...


class LogLevels:
    """From which level on the log is written: as configured, until somebody changes it.

    Args:
        configured: The level of the settings, which the next start returns to.
    """

    def __init__(self, configured: LogLevel = "INFO") -> None:
        self.configured = self.level = configured
        self.on_change: Callable[[str], None] = lambda level: None  # noqa: ARG005
        """Told the new level."""

    def change(self, level: LogLevel) -> None:
        """Write from this level on."""
        self.on_change(level)
        self.level = level
