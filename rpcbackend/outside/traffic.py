"""What may go now, and how long nothing else may; knows neither a message nor the store."""

from collections.abc import Callable

from rpcbackend.outside.channels import Carriers
from rpcbackend.outside.delays import Delays
from rpcbackend.outside.rests import Rests
from rpcbackend.outside.rounds import Due


class Traffic:
    """The room on all channels.

    Args:
        carriers: Tell how many messages of a channel may be on their way.
        delays: Tell which channels wait.
        rests: Tell which recipients do.
        flying: Returns how many of a channel are on their way.
    """

    def __init__(
        self, carriers: Carriers, delays: Delays, rests: Rests, flying: Callable[[str], int]
    ) -> None:
        self._carriers, self._delays, self._rests = carriers, delays, rests
        self._flying = flying

    def room(self, due: Due, now_ms: int) -> dict[str, int]:
        """Return the channels of which something is due and may go, and how much."""
        rooms = {channel: self._room_of(channel) for channel in due.at_ms}
        return {
            channel: room
            for channel, room in rooms.items()
            if room > 0 and due.at_ms[channel] <= now_ms
        }

    def tests(self, due: Due) -> list[str]:
        """Return the channels whose tests have to go by themselves, since the channels wait."""
        return [
            channel
            for channel in due.tests_of
            if not self._delays.room(channel, self._carriers.at_once(channel))
        ]

    def wait(self, due: Due, now_ms: int) -> float | None:
        """Return the seconds until something is due and may go; None until something ends."""
        waits = list[float]()
        for channel, at_ms in due.at_ms.items():
            wait = self._delays.wait(channel)
            # What could go now waits for one that is on its way.
            if wait is not None and (wait or at_ms > now_ms):
                waits.append(max(wait, (at_ms - now_ms) / 1_000))
        rest = self._rests.wait()
        if rest is not None:
            waits.append(rest)
        return min(waits, default=None)

    def _room_of(self, channel: str) -> int:
        most = self._carriers.at_once(channel)
        room = self._delays.room(channel, most)
        return room - self._flying(channel) if room == most else room
