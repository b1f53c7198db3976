"""What the calls came to: how many, how long, how they ended, and who made them.

An observer that every call passes: plain integers in lists, no more than a microsecond.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from rpcbackend.dispatch.call import Exchange
from rpcbackend.histogram import LAST, SUB_BITS, Histogram
from rpcbackend.rpc_error import RpcError

MAX_KEYS = 100
"""API keys that are told apart; the calls of all others count as those of `api_key`."""

_LINEAR, _LINEAR_BITS = 2 << SUB_BITS, SUB_BITS + 1


@dataclass(slots=True)
class ChannelCalls:
    """What the calls of one channel came to."""

    counts: list[int]
    """Those of `times`."""
    shared: list[int]
    """Those that it adds to of all channels together."""
    total_us: int = 0
    callers: dict[str, int] = field(default_factory=dict)
    """Calls by who made them: the kind of principal, or the id of an API key."""
    errors: dict[type[RpcError], int] = field(default_factory=dict)

    @property
    def times(self) -> Histogram:
        """How long its calls took, from their arrival on."""
        return Histogram(self.counts)


class CallMetrics:
    """Counts every exchange.

    Args:
        control: Channels that only look after the process: they do not count among all together.
    """

    def __init__(self, control: Collection[str] = ()) -> None:
        self._control = control
        self.channels: dict[str | None, ChannelCalls] = {}
        """By channel; None has the lines that name none of ours."""
        self.work = Histogram()
        """How long the calls took that do the school's work, all channels together."""
        self.failed = 0
        """How many of these were the system's or the network's fault."""
        self._keys: set[str] = set()

    def observe(self, exchange: Exchange) -> None:
        """Count one exchange."""
        channel = self.channels.get(exchange.channel)
        if channel is None:
            channel = self._begin(exchange.channel)
        microseconds = int(exchange.seconds * 1_000_000)
        # As `bucket_of`, whose call would cost as much again.
        if microseconds < _LINEAR:
            bucket = microseconds
        else:
            shift = microseconds.bit_length() - _LINEAR_BITS
            bucket = (shift << SUB_BITS) + (microseconds >> shift)
            bucket = bucket if bucket < LAST else LAST  # noqa: FURB136 (as there)
        channel.counts[bucket] += 1
        channel.shared[bucket] += 1
        channel.total_us += microseconds
        principal = exchange.principal
        caller: str = principal.kind
        if caller == "api_key":
            caller = self._name(principal.actor)
        try:
            channel.callers[caller] += 1
        except KeyError:
            channel.callers[caller] = 1
        if exchange.error is not None:
            self._count_error(channel, exchange.error)

    def _begin(self, name: str | None) -> ChannelCalls:
        counts = Histogram().counts
        is_work = name is not None and name not in self._control
        # What control channels add up to is looked at by nobody.
        shared = self.work.counts if is_work else Histogram().counts
        self.channels[name] = channel = ChannelCalls(counts, shared)
        return channel

    def _name(self, key: str) -> str:
        if key not in self._keys:
            if len(self._keys) >= MAX_KEYS:
                return "api_key"
            self._keys.add(key)
        return key

    def _count_error(self, channel: ChannelCalls, error: RpcError) -> None:
        kind = type(error)
        channel.errors[kind] = channel.errors.get(kind, 0) + 1
        if channel.shared is self.work.counts and error.error_type in ("system", "network"):
            self.failed += 1
