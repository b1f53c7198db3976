"""A transcript as requests with their replies, in the groups that were under way together.

Requests that overlapped may have seen each other's effects or not: so a replay needs all of them at
once, and of those that did not overlap one at a time.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from rpcbackend.dispatch.control import CANCEL, SHUTDOWN
from rpcbackend.dispatch.dispatcher import is_answerless
from rpcbackend.dispatch.registry import Registry
from rpcbackend.errors import ParseError, RequestTooLargeError
from rpcbackend.protocol import codec
from rpcbackend.protocol.envelope import is_response
from rpcbackend.transcripts.format import Entry, unreadable_length

TIMING = frozenset(
    {
        "REQUEST_CANCELLED",
        "RATE_LIMITED",
        "OVERLOADED",
        "SHUTTING_DOWN",
        "DEADLINE_EXCEEDED",
    }
)
"""Errors that come of the instant, and not of what was asked for."""

_UNREADABLE = frozenset({ParseError.symbol, RequestTooLargeError.symbol})
"""What is answered to a line that was no JSON, and to no other one."""

UNHEARD_MS = 10_000
"""So long a command without id may be under way: nobody is told when it has ended."""

QUEUED_MS = 20
"""So long after it came a command stands in the line of writes, even on a busy machine."""

SUBSCRIBE = "events.subscribe"
PASSWORDS = "auth."
"""Channels that compare a password before they write: what came behind them may be done before."""

_ORDERED = frozenset({"initialize", SHUTDOWN, SUBSCRIBE})
"""Channels that leave something behind though they are no commands."""


@dataclass(slots=True, eq=False)
class Request:
    """A line that came in, and what was answered."""

    entry: Entry
    number: int
    """Its place among the lines of its connection."""
    is_command: bool
    """Whether it may change something, so that its place in the order counts."""
    job: bool
    position: int
    """Its place in the transcript."""
    first_call: int = 1
    """Which of the calls of its line it begins with: elements of a batch come one by one."""
    told_seq: int | None = None
    """The last event that it left, where only that tells that it was done."""
    reply: Entry | None = None
    replied_at: int = 0
    """The place of its reply."""

    @property
    def is_step(self) -> bool:
        """Whether nobody asked for it: the process did it by itself."""
        return self.entry.step is not None or self.entry.begun is not None

    @property
    def is_unheard(self) -> bool:
        """Whether nobody was told when it ended."""
        return self.reply is None and not self.is_step

    @property
    def channel(self) -> str:
        """What was called, for people."""
        msg = self.entry.msg
        if isinstance(msg, dict):
            return str(msg.get("method", "no method"))
        if isinstance(msg, list):
            return "batch"
        return "no JSON" if unreadable_length(msg) is not None else "no request"

    @property
    def wants_reply(self) -> bool:
        """Whether an answer is due."""
        msg = self.entry.msg
        if isinstance(msg, list):
            return not msg or any(map(_wants_reply, msg))
        return _wants_reply(msg)

    @property
    def is_cancellation(self) -> bool:
        """Whether it only stops another one, which tells by its reply whether it did."""
        msg = self.entry.msg
        return isinstance(msg, dict) and msg.get("method") == CANCEL and "id" not in msg

    @property
    def error(self) -> dict[str, Any] | None:
        """The data of the error that was answered, if it was one."""
        msg = self.reply.msg if self.reply is not None else None
        found = msg.get("error") if isinstance(msg, dict) else None
        return found["data"] if found is not None else None

    @property
    def is_cut_short(self) -> bool:
        """Whether the reply says no more than that it came too late to say more."""
        error = self.error
        return error is not None and (error["code"] in TIMING or error["outcome"] == "unknown")

    @property
    def seq(self) -> int | None:
        """The last event that the reply reflects."""
        if self.is_step:
            stepped = self.reply.stepped if self.reply is not None else None
            return stepped["seq"] if stepped is not None else None
        if self.is_unheard or self.error is not None:
            return self.told_seq
        msg = self.reply.msg if self.reply is not None else None
        result = msg.get("result") if isinstance(msg, dict) else None
        if self.channel == SUBSCRIBE and isinstance(result, dict):
            head_seq = result.get("headSeq")
            return head_seq if isinstance(head_seq, int) else None
        meta = result.get("_meta") if isinstance(result, dict) else None
        seq = meta.get("seq") if isinstance(meta, dict) else None
        return seq if isinstance(seq, int) else None


@dataclass(slots=True)
class Group:
    """Requests that were under way together, as they came, and what was sent meanwhile."""

    requests: list[Request] = field(default_factory=list)
    events: list[Entry] = field(default_factory=list)
    steps: list[Request] = field(default_factory=list)
    """What the process did by itself meanwhile."""

    @property
    def ended(self) -> float:
        """When the last of them was answered, in milliseconds since the start."""
        all_of_them = (*self.requests, *self.steps)
        return max(((each.reply or each.entry).t for each in all_of_them), default=0.0)

    @property
    def commands(self) -> list[Request]:
        """All that may have changed something, as it came or was begun."""
        asked = [request for request in self.requests if request.is_command]
        done = [step for step in self.steps if step.seq is not None or step.entry.begun is not None]
        return sorted([*asked, *done], key=lambda each: each.position)


def in_order(commands: list[Request]) -> list[Request]:
    """Put commands that overlapped in the order in which they took effect.

    Those that left events by the numbers of these: a login takes its time before it writes, and
    others may come in between. Those that were refused when they were. Those without an answer
    before what came behind them on their connection, or was begun a good while behind them by the
    process itself, and was done: writes keep their order.
    """
    answered = _in_turn([each for each in commands if not each.is_unheard or each.seq is not None])
    arrival = {id(command): place for place, command in enumerate(commands)}
    for command in commands:
        if command.is_unheard and command.seq is None:
            behind = (
                place
                for place, other in enumerate(answered)
                if other.seq is not None
                and _is_behind(other, command)
                and arrival[id(other)] > arrival[id(command)]
            )
            answered.insert(next(behind, len(answered)), command)
    return answered


def _is_behind(other: Request, command: Request) -> bool:
    if other.is_step:
        return other.entry.t > command.entry.t + QUEUED_MS
    return other.entry.conn == command.entry.conn


def _in_turn(commands: list[Request]) -> list[Request]:
    numbered = iter(
        sorted(
            (command for command in commands if command.seq is not None),
            # Whoever subscribed has seen what he says is the last.
            key=lambda command: (command.seq or 0, command.channel == SUBSCRIBE),
        )
    )
    latest, turns = 0, []
    for command in commands:
        each = next(numbered) if command.seq is not None else command
        if each.seq is not None:
            latest = max(latest, each.replied_at)
        turns.append(
            (latest if each.seq is not None or each.reply is None else each.replied_at, each)
        )
    return [command for _, command in sorted(turns, key=itemgetter(0))]


def span_of(query: Request, commands: list[Request]) -> tuple[int, int]:
    """Return after how many of the commands, at least and at most, a query may have been run."""
    first, last = 0, len(commands)
    for count, command in enumerate(commands):
        # What was refused left nothing to be seen, and may have been refused long before its turn.
        if command.error is None and command.reply is not None:
            if command.replied_at < query.position:
                first = count + 1
            elif command.position > query.replied_at:
                last = min(last, count)
    return first, max(first, last)


def groups_of(entries: Iterable[Entry], registry: Registry) -> Iterator[Group]:
    """Put a transcript in groups; a gap is a group whose one event it is."""
    reader = _Grouping(registry)
    for position, entry in enumerate(entries):
        yield from reader.take(position, entry)
    yield reader.group


class _Grouping:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._numbers: dict[str, int] = {}
        self._waiting: dict[str, deque[Request]] = {}
        self._under_way = 0
        self._unheard: list[Request] = []
        self.group = Group()

    def take(self, position: int, entry: Entry) -> Iterator[Group]:
        if entry.dropped:
            yield self.group
            yield Group(events=[entry])
            self.group, self._under_way = Group(), 0
            self._waiting.clear()
            self._unheard.clear()
        elif entry.dir == "in" or entry.step is not None or entry.begun is not None:
            if self._is_over(entry.t) and (self.group.requests or self.group.steps):
                yield self.group
                self.group = Group()
            if entry.dir == "in":
                self._begin(position, entry)
            else:
                self._begin_step(position, entry)
        elif entry.stepped is not None:
            self._end_step(position, entry)
        elif entry.dir == "out":
            self._end(position, entry)
        else:
            self.group.events.append(entry)

    def _is_over(self, t: float) -> bool:
        """Tell whether nothing of the group is under way any more, as far as anybody knows."""
        self._unheard = [each for each in self._unheard if abs(t - each.entry.t) < UNHEARD_MS]
        return not self._under_way and not self._unheard

    def _begin(self, position: int, entry: Entry) -> None:
        self._numbers[entry.conn] = number = self._numbers.get(entry.conn, 0) + 1
        request = self._request(entry, number, position)
        self.group.requests.append(request)
        if request.wants_reply:
            self._waiting.setdefault(entry.conn, deque()).append(request)
            self._under_way += 1
        elif request.is_command and not request.is_cancellation:
            self._unheard.append(request)

    def _begin_step(self, position: int, entry: Entry) -> None:
        step = Request(entry, 0, is_command=True, job=False, position=position)
        self.group.steps.append(step)
        # Of the beginning of a job no end is told: what it does is told by its steps.
        self._under_way += entry.step is not None

    def _end_step(self, position: int, entry: Entry) -> None:
        for step in self.group.steps:
            begun, ended = step.entry.step or {}, entry.stepped or {}
            if step.reply is None and begun.get("number") == ended["number"]:
                step.reply, step.replied_at = entry, position
                self._under_way -= 1

    def _request(self, entry: Entry, number: int, position: int) -> Request:
        messages = entry.msg if isinstance(entry.msg, list) else [entry.msg]
        methods = [
            self._registry.get(message.get("method"))
            for message in messages
            if isinstance(message, dict)
        ]
        known = [method for method in methods if method is not None]
        is_ordered = any(each.kind != "query" or each.channel in _ORDERED for each in known)
        return Request(
            entry,
            number,
            is_command=is_ordered or isinstance(entry.msg, list),
            job=any(method.kind == "job" for method in known),
            position=position,
        )

    def _end(self, position: int, entry: Entry) -> None:
        waiting = self._waiting.get(entry.conn, deque())
        ids = _ids_in(entry.msg)
        # What names no id is answered at once, though others that came before it are under way.
        for request in reversed(waiting.copy()) if ids == {b"null"} else waiting:
            if _answers(entry.msg, ids, request.entry.msg):
                request.reply, request.replied_at = entry, position
                waiting.remove(request)
                self._under_way -= 1
                self._hear(request)
                if isinstance(request.entry.msg, list) and isinstance(entry.msg, list):
                    self._take_apart(request, entry, position)
                return

    def _hear(self, request: Request) -> None:
        """Take it that what came before a command on its connection has been done before it."""
        if request.is_command and request.seq is not None and request.channel != SUBSCRIBE:
            self._unheard = [
                each
                for each in self._unheard
                if each.entry.conn != request.entry.conn
                or each.position > request.position
                or each.channel.startswith(PASSWORDS)
            ]

    def _take_apart(self, batch: Request, reply: Entry, position: int) -> None:
        """Put the elements of a batch in its place: they ran beside each other."""
        elements, replies, calls = [], iter(reply.msg), 1
        for message in batch.entry.msg:
            entry = batch.entry._replace(msg=message)
            element = self._request(entry, batch.number, batch.position)
            element.first_call = calls
            calls += not (element.is_cancellation or is_response(message))
            if element.wants_reply:
                element.reply = reply._replace(msg=next(replies, None))
                element.replied_at = position
            elements.append(element)
        at = self.group.requests.index(batch)
        self.group.requests[at : at + 1] = elements


def _answers(reply: Any, ids: set[bytes], request: Any) -> bool:
    if isinstance(request, list) and isinstance(reply, list):
        return ids <= _ids_in(request) | {b"null"}
    if isinstance(reply, list):
        return False
    was_unreadable = unreadable_length(request) is not None
    if was_unreadable != (_symbol_of(reply) in _UNREADABLE):
        return False
    return ids == (_ids_in(request) or {b"null"}) or (
        ids == {b"null"} and not (isinstance(request, dict) and "method" in request)
    )


def _symbol_of(reply: dict[str, Any]) -> str | None:
    return str(reply["error"]["data"]["code"]) if "error" in reply else None


def _wants_reply(msg: Any) -> bool:
    return not is_answerless(msg) and not is_response(msg)


def _ids_in(msg: Any) -> set[bytes]:
    messages = msg if isinstance(msg, list) else [msg]
    return {
        codec.encode(message.get("id")) for message in messages if isinstance(message, dict)
    } or {b"null"}
