"""How one way to the outside is used: how much at once, how long, how often again."""

from dataclasses import dataclass

from rpcbackend.resilience.backoff import Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the design calls ResourceConfig; the settings give each channel one of its own."""

    max_connections: int = 4
    """To one host, at a time."""
    timeout_seconds: float = 30.0
    """For one call, all of its tries and its wait for a connection included: half of a lease."""
    retry_attempts: int = 2
    """After the first, at once, and only if nobody was reached; all others are the outbox's."""
    backoff_strategy: Strategy = "exponential"
    """Of those."""
