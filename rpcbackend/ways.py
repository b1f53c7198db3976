"""The ways outside, put together: one gate, one guard, and for each channel its own policy."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from rpcbackend.clock import Clock
from rpcbackend.dispatch.dispatcher import ReportBug
from rpcbackend.ids import Ids
from rpcbackend.observability.breaker_news import BreakerNews
from rpcbackend.observability.report import tell_sick
from rpcbackend.outside.fanout import Fanout
from rpcbackend.outside.gate import Gate
from rpcbackend.outside.guard import Guard
from rpcbackend.outside.names import Names
from rpcbackend.outside_settings import OutsideSettings
from rpcbackend.schema.system import HostHealth
from rpcbackend.steps import Steps
from rpcbackend.store import Store

if TYPE_CHECKING:
    from rpcbackend.outside.web import Web

Way = Literal["mail", "sms", "payment", "webhook"]
"""A channel of the outbox."""


class Ways:
    """What one process goes outside by.

    Args:
        settings: How each channel is used.
        clock: Tells the time.
        chance: Draws the waits before a retry.
        ids: Names what is told to `report_bug`.
        report_bug: Told what should not have happened.
        steps: Takes what is done to the store.
    """

    def __init__(
        self,
        settings: OutsideSettings,
        *,
        clock: Clock,
        chance: Callable[[], float],
        ids: Ids,
        report_bug: ReportBug,
        steps: Steps,
    ) -> None:
        self._settings, self._steps = settings, steps
        self.fanout = Fanout(report_bug, ids, steps)
        """Hands events on to the webhooks."""
        self._news = BreakerNews(steps)
        self.names = Names()
        """Looks up names beside the loop."""
        self.guard = Guard(self.names.look_up, allows_private=settings.allow_private)
        """Tells which addresses may be saved and called."""
        self.gate = Gate(
            clock=clock, random=chance, limits=settings.breaker.limits, on_change=self._news.note
        )
        """Lets calls through; `gate_of` returns it under a channel's own policy."""
        self._webs: dict[Way, Web] = {}

    def gate_of(self, way: Way) -> Gate:
        """Return the gate as this channel uses it."""
        resource = {
            "mail": self._settings.mail,
            "sms": self._settings.sms,
            "payment": self._settings.payment,
            "webhook": self._settings.webhook,
        }[way]
        return self.gate.under(resource.policy)

    def web_of(self, way: Way) -> "Web":
        """Return HTTP as this channel uses it."""
        from rpcbackend.outside.web import Web  # noqa: PLC0415 (when something goes out)

        if way not in self._webs:
            self._webs[way] = Web(self.gate_of(way), self.guard)
        return self._webs[way]

    async def look_up(self, host: str) -> list[str]:
        """Return the IP addresses of a host, for who connects by himself."""
        return await self.names.look_up(host)

    @property
    def allows_private(self) -> bool:
        """Whether anything may go to this machine's network, and in the clear."""
        return self._settings.allow_private

    def sick(self) -> list[HostHealth]:
        """Return the hosts that are left alone."""
        return tell_sick(self.gate.states())

    def welcome(self, store: Store) -> None:
        """Follow a store that was opened, or restored: tell it news, and webhooks its events."""
        if not self._steps.is_led:
            self._news.welcome(store)
            self.fanout.welcome(store)

    async def close(self) -> None:
        """Let go of every connection, and leave the last news; before the store closes."""
        await self.fanout.close()
        for web in self._webs.values():
            await web.close()
        await self._news.close()
