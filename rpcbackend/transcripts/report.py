"""Compares what was recorded with what came in a replay, and notes what is told of it."""

from typing import Any

from rpcbackend.protocol import codec
from rpcbackend.transcripts.differences import ABSENT, Comparison, Difference, Found
from rpcbackend.transcripts.format import Entry
from rpcbackend.transcripts.known import Known
from rpcbackend.transcripts.outcome import Outcome

KEPT = 100
"""Differences that are told; more are counted."""


class Report:
    """What a replay has come to so far.

    Args:
        outcome: Is written.
        comparison: Tells what differs.
        known: Tells what of that may be shown.
    """

    def __init__(self, outcome: Outcome, comparison: Comparison, known: Known) -> None:
        self._outcome, self._comparison, self._known = outcome, comparison, known
        outcome.allowed = comparison.allowed

    def compare_event(self, entry: Entry, actual: Any) -> None:
        """Compare an event with the one that came in its place, or with None."""
        self._outcome.compared += 1
        channel = entry.msg["method"]
        found = self._comparison.compare(channel, entry.msg, actual)
        if found is not None:
            self.differ(channel, entry, found)

    def differ(self, channel: str, entry: Entry, found: Found) -> None:
        """Note a difference, and where it is."""
        self._outcome.count += 1
        if self._outcome.count <= KEPT:
            path, expected, got = found
            self._outcome.differences.append(
                Difference(
                    channel=channel,
                    t=entry.t,
                    conn=entry.conn,
                    path=path or "the message",
                    expected=_told(expected),
                    got=_told(self._known.shown(expected, got)),
                )
            )


def _told(value: Any) -> str:
    return "nothing" if value is ABSENT else codec.encode(value).decode()
