"""Which messages go when nothing else of their channel is due; knows no store."""

from collections import defaultdict
from collections.abc import Collection

MOST = 100
"""Of a channel: what is asked for in a day without a network. Then all are asked anew. Each round
of the channel asks the store for others than these, and a transcript has them."""


class Behind:
    """The messages that nobody could be given, since the others had their turn.

    One that reaches nobody, whatever the reason, would else be the first of its channel, each time
    that this looks whether somebody is there.
    """

    def __init__(self) -> None:
        self._ids = defaultdict[str, set[str]](set)

    def put(self, channel: str, message_id: str) -> None:
        """Let a message stand behind all others."""
        ids = self._ids[channel]
        if len(ids) >= MOST:
            ids.clear()
        ids.add(message_id)

    def take(self, channel: str, message_id: str) -> None:
        """Note that a message goes: if it stood behind, all others had their turn."""
        if message_id in self._ids[channel]:
            self._ids[channel].clear()

    def of(self, channels: Collection[str]) -> list[str]:
        """Return the ids of these channels."""
        return [message_id for channel in channels for message_id in self._ids.get(channel, ())]

    def forget(self) -> None:
        """Know of none: another process sends, or it is another store."""
        self._ids.clear()
