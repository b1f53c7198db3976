"""Answers in memory, bounded in bytes and in age, and one look-up for all who ask the same."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import NamedTuple

from cachetools import TTLCache

OVERHEAD_BYTES = 600
"""What an answer takes beside its own bytes: its key, and its place in three tables."""

LARGEST_PART = 8
"""No answer takes more than one part in so many of the room: it would push out all the others."""


class Answer(NamedTuple):
    """What was answered, and to which state of things."""

    revision: int
    rev: str
    """The same for the client: also another one for other params, and for who sees other rows."""
    json: bytes


class Figures(NamedTuple):
    """What it came to, since the start."""

    hits: int
    misses: int
    shared: int
    """Calls that were given the answer that another one had asked for."""
    unchanged: int
    """Calls that were told that what they had is still true."""
    evictions: int
    """Answers that had to go for want of room."""
    answers: int
    bytes: int


class Answers:
    """Remembers answers and forgets those that were asked for least recently.

    Args:
        max_bytes: What they may take in all.
        ttl_seconds: How long one is remembered at most, in case a change of it goes unnoticed.
        now: The monotonic clock, in seconds.
    """

    def __init__(self, *, max_bytes: int, ttl_seconds: float, now: Callable[[], float]) -> None:
        self._kept = _Kept(max_bytes, ttl_seconds, timer=now, getsizeof=_size_of)
        self._largest = max_bytes // LARGEST_PART
        self._asking: dict[Hashable, _Asking] = {}
        self.hits = self.misses = self.shared = self.unchanged = 0

    def find(self, key: Hashable, revision: int) -> Answer | None:
        """Return the answer to *key* if it is of this revision."""
        try:
            answer = self._kept[key]
        except KeyError:
            return None
        return answer if answer.revision == revision else None

    def held(self, key: Hashable) -> Answer | None:
        """Return the answer to *key*, of whatever revision."""
        return self._kept.get(key)

    def keep(self, key: Hashable, answer: Answer) -> None:
        """Remember an answer in the place of an older one, unless it is very large."""
        if _size_of(answer) <= self._largest:
            self._kept[key] = answer

    async def ask(
        self, key: Hashable, revision: int, look_up: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        """Return what *look_up* does, or what it did for another call that asks the same just now.

        Whoever comes first looks up, and keeps it. If he is cancelled the next one looks up. If he
        fails each of those who wait for him looks up for himself, all at once: what is refused
        costs nobody his turn.
        """
        while (asking := self._asking.get(key)) and asking.revision == revision:
            answer = await asyncio.shield(asking.done) or self.find(key, revision)
            if answer is not None:
                self.shared += 1
                return answer
            if asking.has_failed:
                self.misses += 1
                return await look_up()
        self.misses += 1
        asking = _Asking(revision)
        self._asking[key] = asking
        answer = None
        try:
            answer = await look_up()
            self.keep(key, answer)
        except Exception:
            # Whatever it is goes on to the caller; those who wait only learn that it failed.
            asking.has_failed = True
            raise
        finally:
            if self._asking.get(key) is asking:
                del self._asking[key]
            asking.done.set_result(answer)
        return answer

    def figures(self) -> Figures:
        """Return what it came to."""
        return Figures(
            hits=self.hits,
            misses=self.misses,
            shared=self.shared,
            unchanged=self.unchanged,
            evictions=self._kept.evictions,
            answers=len(self._kept),
            bytes=int(self._kept.currsize),
        )


class _Asking:
    """A look-up that is under way."""

    def __init__(self, revision: int) -> None:
        self.revision = revision
        self.done: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        """None when it came to nothing."""
        self.has_failed = False
        """Whether that is because it failed, and not because nobody wanted it any more."""


class _Kept(TTLCache[Hashable, Answer]):
    """The library's, and a count."""

    evictions = 0

    def popitem(self) -> tuple[Hashable, Answer]:
        """Forget the one that was asked for least recently."""
        self.evictions += 1
        return super().popitem()


def _size_of(answer: Answer) -> int:
    return len(answer.json) + OVERHEAD_BYTES
