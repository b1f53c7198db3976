"""The lines of a transcript: a header, and an entry for every message (protocol.md section 10).

Knows neither files nor what the messages mean.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import orjson

FORMAT = "rpcbackend-transcript/1"

GAP = "$/gap"
"""The method of an entry that stands for messages that nobody had time to write down."""

SCHEDULED = "$/scheduled"
"""The method of an entry that says what the process began by itself."""

STEP, STEPPED = "$/step", "$/stepped"
"""The methods of entries that say what the process begins to do to its store by itself, and by what
facts; and that it did."""

DAILY, BACKUP = "$/daily", "backup"
"""The same, in older transcripts, of the only thing that there was then."""

PROCESS = "-"
"""The connection of what is the process's own."""

Direction = Literal["in", "out", "event"]
Facts = Mapping[str, Mapping[str, Any]]

_PLACEHOLDER = re.compile(r"<(?:secret|personal|digest):\d+>")
_UNREADABLE = re.compile(r"<unreadable:(\d+)>")


class TranscriptError(Exception):
    """A file is no transcript, or not the one that was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first line: what a replay needs to know of the process."""

    version: str
    contract_hash: str
    seed: str
    """Hexadecimal: what the ids of all calls follow from. No secret does."""
    started_ms: int
    """When, in milliseconds since the epoch: the zero of every `t`."""
    schema_version: int
    part: int = 1
    """A transcript that grew long goes on in another file."""
    before: int | None = 0
    """How many entries stand in the parts before; None: it was not written down."""

    @property
    def started_at(self) -> str:
        """The same as an instant."""
        at = datetime.fromtimestamp(self.started_ms / 1_000, UTC).isoformat(timespec="milliseconds")
        return at.removesuffix("+00:00") + "Z"

    def to_line(self) -> bytes:
        """Write it, its line end included."""
        return _line(
            {
                "format": FORMAT,
                "version": self.version,
                "contractHash": self.contract_hash,
                "seed": self.seed,
                "startedAt": self.started_at,
                "schemaVersion": self.schema_version,
                "part": self.part,
            }
            | ({"before": self.before} if self.part > 1 else {})
        )


class Entry(NamedTuple):
    """One message on its way."""

    t: float
    """Milliseconds since the start."""
    dir: Direction
    """`event` for what was sent without being asked, such as `event` and `system.ready`."""
    conn: str
    msg: Any
    """As `rpcbackend.transcripts.redaction` left it."""
    facts: Facts | None = None
    """What the placeholders that are new here stand for, as far as replies depend on it."""
    latest: float | None = None
    """What `t` would be if the clock had never been put back; None: it was not."""

    def to_line(self) -> bytes:
        """Write it, its line end included."""
        more = {"facts": self.facts} if self.facts else {}
        latest = {"latest": self.latest} if self.latest is not None else {}
        told = {"t": self.t, "dir": self.dir, "conn": self.conn, "msg": self.msg}
        return _line(told | more | latest)

    @property
    def begun(self) -> str | None:
        """What the process began by itself, if the entry is about that."""
        if self.dir != "event" or self.conn != PROCESS:
            return None
        if self.msg.get("method") == DAILY:
            return BACKUP
        return str(self.msg["params"]["name"]) if self.msg.get("method") == SCHEDULED else None

    @property
    def step(self) -> Mapping[str, Any] | None:
        """The params of the beginning of a step of the process's own: name, number, facts."""
        return self._own(STEP)

    @property
    def stepped(self) -> Mapping[str, Any] | None:
        """The params of its end: number, and the last event then; null if nothing was done."""
        return self._own(STEPPED)

    def _own(self, method: str) -> Mapping[str, Any] | None:
        is_own = self.dir == "event" and self.conn == PROCESS and self.msg.get("method") == method
        return dict(self.msg["params"]) if is_own else None

    @property
    def dropped(self) -> int:
        """How many messages are missing here."""
        is_gap = self.dir == "event" and self.conn == PROCESS and self.msg.get("method") == GAP
        return int(self.msg["params"]["dropped"]) if is_gap else 0


def scheduled(t: float, name: str) -> Entry:
    """Return the entry that says what was begun because it was due."""
    msg = {"jsonrpc": "2.0", "method": SCHEDULED, "params": {"name": name}}
    return Entry(t, "event", PROCESS, msg)


def step(t: float, params: Mapping[str, Any], facts: Facts | None = None) -> Entry:
    """Return the entry that says what the process begins by itself, or that it is done."""
    method = STEP if "name" in params else STEPPED
    return Entry(t, "event", PROCESS, {"jsonrpc": "2.0", "method": method, "params": params}, facts)


def gap(t: float, dropped: int) -> Entry:
    """Return the entry that stands for messages that are missing."""
    msg = {"jsonrpc": "2.0", "method": GAP, "params": {"dropped": dropped}}
    return Entry(t, "event", PROCESS, msg)


def unreadable(length: int) -> str:
    """Return what stands for a line that was no JSON: nobody knows what is secret in it."""
    return f"<unreadable:{length}>"


def unreadable_length(msg: Any) -> int | None:
    """Return how long such a line was, or None for a message."""
    found = _UNREADABLE.fullmatch(msg) if isinstance(msg, str) else None
    return int(found[1]) if found else None


def placeholder(kind: str, number: int) -> str:
    """Return what stands for a value."""
    return f"<{kind}:{number}>"


def is_placeholder(value: Any) -> bool:
    """Tell whether it stands for a value that was taken out."""
    return isinstance(value, str) and _PLACEHOLDER.fullmatch(value) is not None


def read_header(line: bytes) -> Header:
    """Read the first line.

    Raises:
        TranscriptError: It is not that of a transcript.
    """
    try:
        told = orjson.loads(line)
        if told["format"] != FORMAT:
            raise TranscriptError(f"this is {FORMAT}'s reader, and another format")
        started = datetime.fromisoformat(told["startedAt"])
        part = int(told.get("part", 1))
        return Header(
            version=str(told["version"]),
            contract_hash=str(told["contractHash"]),
            seed=bytes.fromhex(told["seed"]).hex(),
            started_ms=round(started.timestamp() * 1_000),
            schema_version=int(told["schemaVersion"]),
            part=part,
            before=told.get("before") if part > 1 else 0,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise TranscriptError("the first line is not the header of a transcript") from None


def is_first_line(line: bytes) -> bool:
    """Tell whether a file that begins so is a transcript, sealed or plain."""
    try:
        told = orjson.loads(line)
    except ValueError:
        return False
    return isinstance(told, dict) and told.get("format") == FORMAT


def read_entry(line: bytes) -> Entry:
    """Read any other line.

    Raises:
        TranscriptError: It is not an entry.
    """
    try:
        told = orjson.loads(line)
        entry = Entry(
            float(told["t"]),
            told["dir"],
            told["conn"],
            told["msg"],
            told.get("facts"),
            None if told.get("latest") is None else float(told["latest"]),
        )
    except (ValueError, KeyError, TypeError):
        entry = None
    if entry is None or not _is_entry(entry):
        raise TranscriptError("a line is not an entry of a transcript")
    return entry


def _is_entry(entry: Any) -> bool:
    """Tell whether it has the form that everybody who reads one relies on."""
    is_told = isinstance(entry.conn, str) and isinstance(entry.facts or {}, dict)
    match entry.dir:
        case "in":
            return is_told
        case "out":
            replies = entry.msg if isinstance(entry.msg, list) else [entry.msg]
            return is_told and all(map(_is_reply, replies))
        case "event":
            return is_told and _is_notification(entry.msg)
    return False


def _is_reply(msg: Any) -> bool:
    match msg:
        case {"error": {"data": {"code": str(), "outcome": str()}}}:
            return True
        case {"error": _}:
            return False
        case {"result": _}:
            return True
    return False


def _is_notification(msg: Any) -> bool:
    match msg:
        case {"method": "event"}:
            return isinstance(msg.get("params"), dict) and isinstance(
                msg["params"].get("type"), str
            )
        case {"method": "$/gap"}:
            return isinstance(msg.get("params"), dict) and type(msg["params"].get("dropped")) is int
        case {"method": "$/scheduled"}:
            return isinstance(msg.get("params"), dict) and isinstance(
                msg["params"].get("name"), str
            )
        case {"method": "$/step" | "$/stepped"}:
            return _is_step(msg)
        case {"method": str()}:
            return True
    return False


def _is_step(msg: Any) -> bool:
    match msg:
        case {
            "method": "$/step",
            "params": {"name": str(), "number": int(), "facts": dict()},
        }:
            return True
        case {"method": "$/stepped", "params": {"number": int(), "seq": int() | None}}:
            return True
    return False


def _line(value: Any) -> bytes:
    return orjson.dumps(value) + b"\n"
