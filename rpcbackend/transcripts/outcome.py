"""What is wanted of a replay, and what came of it."""

from collections import Counter
from dataclasses import dataclass, field

from rpcbackend.transcripts.differences import Difference
from rpcbackend.transcripts.rules import ALWAYS, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How to replay."""

    rules: frozenset[Rule] = ALWAYS
    is_as_recorded: bool = False
    """Whether each request waits for its time; otherwise all go as fast as they can."""
    is_copy: bool = False
    """Whether the store is a copy of one with real names in it, and not empty."""
    database_key: str | None = None
    """Of the store that is replayed against: nobody knows the recorded one."""


@dataclass(slots=True)
class Outcome:
    """What a replay came to."""

    messages: int = 0
    """Of the transcript."""
    compared: int = 0
    """Replies and events that were compared."""
    taken: int = 0
    """Requests whose reply came of the instant, and that had no effect: they are not sent."""
    cut_short: int = 0
    """Replies that were not compared: they did not say what had come of the request."""
    unknown: int = 0
    """Searches on a copy: the words were taken out, and stand-ins find nobody there."""
    unanswered: int = 0
    """Requests at the end that nobody answered any more."""
    overlapped: int = 0
    """Requests that were under way with others."""
    claims: int = 0
    """Replies that claimed another last event, and may: others were under way with them."""
    dropped: int = 0
    """Messages that the recorder had dropped: a replay ends there."""
    is_torn: bool = False
    count: int = 0
    """How many differences there are."""
    differences: list[Difference] = field(default_factory=list)
    """The first of them."""
    allowed: Counter[Rule] = field(default_factory=Counter)
