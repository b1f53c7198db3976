"""What a replay hears without having asked for it: every event that is due, and no other one."""

import asyncio
from collections import deque
from collections.abc import Callable

from rpcbackend.transcripts.differences import ABSENT
from rpcbackend.transcripts.format import Entry
from rpcbackend.transcripts.peer import Peer
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

    def expect(self, entry: Entry) -> None:
        """Take what was heard when the transcript was recorded."""
        method = entry.msg.get("method")
        if method == "event":
            self._due.setdefault(entry.conn, deque()).append(entry)
        elif method == "system.ready":
            ready = self._peer_of(entry.conn).ready
            self._greeted.add(entry.conn)
            self._report.compare_event(entry, ready.popleft() if ready else None)

    async def catch_up(self) -> None:
        """Compare every event that is due by now, and wait for those that are missing."""
        for connection_id, due in self._due.items():
            peer = self._peer_of(connection_id)
            while due:
                if not peer.events:
                    try:
                        await peer.hear()
                    except TimeoutError:
                        self._report.compare_event(due.popleft(), None)
                        continue
                self._report.compare_event(due.popleft(), peer.events.popleft())

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
