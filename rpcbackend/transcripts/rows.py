"""A transcript as rows: one for every request with its reply, every event, and every gap."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from rpcbackend.dispatch.registry import Registry
from rpcbackend.protocol import codec
from rpcbackend.transcripts.exchanges import Request, groups_of
from rpcbackend.transcripts.files import Transcript
from rpcbackend.transcripts.format import Entry, TranscriptError

RowKind = Literal["call", "notification", "event", "gap", "reply"]
"""`reply` is one to a request that is not there: a gap was before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is looked at as one."""

    kind: RowKind
    channel: str
    conn: str
    t: float
    """Of the request or the event: milliseconds since the start."""
    ms: float | None = None
    """How long the reply took, in milliseconds."""
    error: str | None = None
    """The symbol that was answered."""
    asked: int | None = None
    """The place of the request or the event among the messages."""
    told: int | None = None
    """The place of the reply."""
    content: bytes = b""
    """What was asked, but for its id: equal for equal requests."""


@dataclass(slots=True)
class Table:
    """A transcript, its rows by time."""

    messages: list[bytes] = field(default_factory=list)
    """As JSON; the elements of a batch that was answered apart, as each has its row."""
    rows: list[Row] = field(default_factory=list)
    count: int = 0
    """Messages of the transcript."""
    damage: str | None = None
    """Why it could not be read to its end."""

    def add(self, msg: Any) -> int:
        """Add a message, and return its place."""
        self.messages.append(codec.encode(msg))
        return len(self.messages) - 1


def read_table(transcript: Transcript, registry: Registry) -> Table:
    """Read a transcript, up to where it was damaged if it was."""
    reading = _Reading(transcript, registry)
    reading.run()
    reading.table.rows.sort(key=lambda row: row.t)
    return reading.table


def without_id(msg: Any) -> Any:
    """Return what a message says, whatever number its sender gave it."""
    if isinstance(msg, list):
        return [without_id(each) for each in msg]
    if isinstance(msg, dict):
        return {name: value for name, value in msg.items() if name != "id"}
    return msg


class _Reading:
    def __init__(self, transcript: Transcript, registry: Registry) -> None:
        self._transcript, self._registry = transcript, registry
        self._replies: dict[int, Entry] = {}
        self.table = Table()

    def run(self) -> None:
        rows = self.table.rows
        for group in groups_of(self._entries(), self._registry):
            rows.extend(map(self._call, group.requests))
            rows.extend(map(self._event, group.events))
            rows.extend(self._event(step.entry) for step in group.steps)
        rows.extend(map(self._reply, self._replies.values()))

    def _entries(self) -> Iterator[Entry]:
        try:
            for place, entry in enumerate(self._transcript.entries()):
                self.table.count += 1
                if entry.dir == "out":
                    self._replies[place] = entry
                yield entry
        except TranscriptError as error:
            self.table.damage = str(error)

    def _call(self, request: Request) -> Row:
        entry, reply = request.entry, request.reply
        if reply is not None:
            # The elements of a batch have one reply.
            self._replies.pop(request.replied_at, None)
        return Row(
            kind="call" if request.wants_reply else "notification",
            channel=request.channel,
            conn=entry.conn,
            t=entry.t,
            # The clock may have been put back meanwhile.
            ms=None if reply is None else max(0.0, round(reply.t - entry.t, 3)),
            error=None if reply is None else _error_in(reply.msg),
            asked=self.table.add(entry.msg),
            told=None if reply is None else self.table.add(reply.msg),
            content=codec.encode(without_id(entry.msg)),
        )

    def _event(self, entry: Entry) -> Row:
        msg = entry.msg
        return Row(
            kind="gap" if entry.dropped else "event",
            channel=str(msg["params"]["type"] if msg["method"] == "event" else msg["method"]),
            conn=entry.conn,
            t=entry.t,
            asked=self.table.add(msg),
            content=codec.encode(msg),
        )

    def _reply(self, entry: Entry) -> Row:
        return Row(
            kind="reply",
            channel="no request",
            conn=entry.conn,
            t=entry.t,
            error=_error_in(entry.msg),
            told=self.table.add(entry.msg),
        )


def _error_in(msg: Any) -> str | None:
    """Return the first error of a reply."""
    for each in msg if isinstance(msg, list) else [msg]:
        if isinstance(each, dict) and "error" in each:
            return str(each["error"]["data"]["code"])
    return None
