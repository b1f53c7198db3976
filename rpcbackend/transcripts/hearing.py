"""What a replay hears without having asked for it: every event that is due, and no other one."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from rpcbackend.transcripts.differences import ABSENT
from rpcbackend.transcripts.format import Entry
from rpcbackend.transcripts.peer import EVENT_SECONDS, Peer
from rpcbackend.transcripts.report import Report

QUIET_SECONDS = 0.1
"""Nobody says anything more when nothing came for so long."""


class Hearing:
    """Compares the events of all connections, in their order on each.

    Args:
        peer_of: Returns the other end of a connection, a new one if need be.
        report: Is told what differs.
    """

    def __init__(self, peer_of: Callable[[str], Peer], report: Report) -> None:
        self._peer_of, self._report = peer_of, report
        self._due: dict[str, deque[Entry]] = {}
        self._greeted: set[str] = set()
        self._again: set[str] = set()
        self._late: set[str] = set()

    def expect(self, entry: Entry) -> None:
        """Take what was heard when the transcript was recorded."""
        method = entry.msg.get("method")
        if method == "event":
            self._due.setdefault(entry.conn, deque()).append(entry)
        elif method == "system.ready":
            ready = self._peer_of(entry.conn).ready
            self._greeted.add(entry.conn)
            self._report.compare_event(entry, ready.popleft() if ready else None)

    def subscribed_again(self, connection_id: str) -> None:
        """Hear that one subscription took the place of another one.

        How much the first one still told, or the second told once more, came of the instant.
        """
        self._again.add(connection_id)

    async def catch_up(self) -> None:
        """Compare every event that is due by now, and wait for those that are missing."""
        for connection_id, due in self._due.items():
            peer = self._peer_of(connection_id)
            while due:
                event = due.popleft()
                self._report.compare_event(event, await self._next(connection_id, peer, event))
        self._again.clear()

    async def _next(self, connection_id: str, peer: Peer, due: Entry) -> Any:
        """Return the next event of a connection, None when none comes."""
        while True:
            while peer.events:
                event = peer.events.popleft()
                is_due = event["params"]["seq"] == due.msg["params"]["seq"]
                if is_due or connection_id not in self._again:
                    return event
            # Where one did not come, those behind it are one too few: nobody waits for long again.
            seconds = QUIET_SECONDS if connection_id in self._late else EVENT_SECONDS
            try:
                await peer.hear(seconds)
            except TimeoutError:
                self._late.add(connection_id)
                return None

    async def finish(self, peers: dict[str, Peer], t: float, told_seq: int) -> None:
        """Report what came and was never recorded.

        Args:
            peers: All of them by their connections, those that nothing was due on too.
            t: The end of the transcript.
            told_seq: The last event that was certainly told: a process that ends tells no more.
        """
        await _quiet(peers)
        for connection_id, peer in peers.items():
            # The first one is the replay's own, where none was recorded.
            ready = list(peer.ready)[connection_id not in self._greeted :]
            events = [event for event in peer.events if event["params"]["seq"] <= told_seq]
            for message in (*ready, *events, *peer.unasked()):
                end = Entry(t, "event", connection_id, message)
                channel = str(message.get("method", "reply"))
                self._report.differ(channel, end, ("", ABSENT, message))


async def _quiet(peers: dict[str, Peer]) -> None:
    before = -1
    while before != (heard := sum(peer.heard for peer in peers.values())):
        before = heard
        await asyncio.sleep(QUIET_SECONDS)
