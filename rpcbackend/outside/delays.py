"""Which channels wait, since when, and when they are tried again; knows no message."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from rpcbackend.clock import Clock
from rpcbackend.outside.waits import MOST_SECONDS, Waits
from rpcbackend.schema.base import format_instant
from rpcbackend.schema.outbox import ChannelDelay, DelayWarning

_NAMES = {
    "mail": "Mail",
    "sms": "Text messages",
    "payment": "The payment service",
    "webhook": "Webhooks",
}

_SAYS = {
    "unreached": "{} cannot be reached since {}: what goes that way is sent later, by itself.",
    "switched_off": "{}: switched off, so what goes that way waits until somebody switches it on.",
}


@dataclass(slots=True)
class _Delay:
    reason: Literal["unreached", "switched_off"]
    since_ms: int
    last_error: str | None = None
    failures: int = 0
    next_try: float | None = None
    """Monotonic; None where it is not for us to try."""
    is_probing: bool = field(default=False)


class Delays:
    """The channels of one process that wait as a whole.

    Args:
        clock: Tells the time.
        waits: Tell the time to the next probe, where hosts do not say themselves.
    """

    def __init__(self, clock: Clock, waits: Waits) -> None:
        self._clock, self._waits = clock, waits
        self._delays: dict[str, _Delay] = {}

    def switch(self, channel: str, *, is_on: bool) -> None:
        """Note whether anybody carries a channel."""
        delay = self._delays.get(channel)
        if is_on and delay is not None and delay.reason == "switched_off":
            del self._delays[channel]
        elif not is_on and (delay is None or delay.reason != "switched_off"):
            self._delays[channel] = _Delay("switched_off", self._clock.now_ms())

    def unreached(
        self, channel: str, retry_after_seconds: float | None, why: str | None = None
    ) -> None:
        """Let a channel wait: none of those who carry it was reached.

        Args:
            channel: Which.
            retry_after_seconds: When they may be, as far as is known.
            why: What the last of them said, if he did.
        """
        delay = self._delays.setdefault(channel, _Delay("unreached", self._clock.now_ms()))
        if delay.reason == "switched_off":
            # While this one was on its way.
            return
        if delay.next_try is not None and not delay.is_probing:
            # One of those that were on their way together.
            return
        delay.failures, delay.is_probing, delay.last_error = delay.failures + 1, False, why
        wait = retry_after_seconds or self._waits.to_ask(delay.failures)
        delay.next_try = self._clock.monotonic() + min(wait, MOST_SECONDS)

    def reached(self, channel: str) -> None:
        """Let a channel go again."""
        if channel in self._delays and self._delays[channel].reason == "unreached":
            del self._delays[channel]

    def forget(self) -> None:
        """Know of no channel that waits: another process sends."""
        self._delays.clear()

    def hurry(self) -> None:
        """Try all that cannot be reached at once: somebody wants to know."""
        for delay in self._delays.values():
            if delay.reason == "unreached":
                delay.next_try = self._clock.monotonic()

    def room(self, channel: str, most: int) -> int:
        """Return how many messages may go: *most*, none, or one that shows whether it can."""
        delay = self._delays.get(channel)
        if delay is None:
            return most
        if delay.next_try is None or delay.is_probing:
            return 0
        return int(self._clock.monotonic() >= delay.next_try)

    def probe(self, channel: str) -> None:
        """Note that the one is on its way that shows whether a channel can be reached."""
        if channel in self._delays:
            self._delays[channel].is_probing = True

    def spare(self, channel: str) -> None:
        """Note that it shows nothing: the next one may."""
        if channel in self._delays:
            self._delays[channel].is_probing = False

    def wait(self, channel: str) -> float | None:
        """Return the seconds until a channel may go; None until something else changes."""
        delay = self._delays.get(channel)
        if delay is None:
            return 0.0
        if delay.next_try is None or delay.is_probing:
            return None
        return max(0.0, delay.next_try - self._clock.monotonic())

    def all(self) -> list[ChannelDelay]:
        """Return all that wait, by name."""
        return [
            ChannelDelay(
                channel=channel,
                reason=delay.reason,
                since=_at(delay.since_ms),
                last_error=delay.last_error,
                next_try_ms=None if delay.next_try is None else self._next_try_ms(delay.next_try),
            )
            for channel, delay in sorted(self._delays.items())
        ]

    def warnings(self, channels: Collection[str]) -> list[DelayWarning]:
        """Return what to tell whoever has just sent something by these channels."""
        return [
            DelayWarning(
                code="DELAYED",
                channel=each.channel,
                reason=each.reason,
                since=each.since,
                message=_SAYS[each.reason].format(
                    _NAMES.get(each.channel, each.channel), format_instant(each.since)
                ),
            )
            for each in self.all()
            if each.channel in channels
        ]

    def _next_try_ms(self, at: float) -> int:
        return max(0, round((at - self._clock.monotonic()) * 1_000))


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1_000, UTC)
