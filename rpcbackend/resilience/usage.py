"""Which questions are asked, and how often; bounded, and what is long ago counts less."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
QuestionT = TypeVar("QuestionT")

MOST = 1_000
"""Questions that are counted; then those that were asked least are forgotten."""


@dataclass(slots=True)
class Use(Generic[QuestionT]):
    """How often a question was asked."""

    question: QuestionT
    count: int = 0


class Usage(Generic[KeyT, QuestionT]):
    """Counts questions, known by their keys."""

    def __init__(self) -> None:
        self._uses: dict[KeyT, Use[QuestionT]] = {}
        self.noted = 0
        """How many there were in all."""

    def note(self, key: KeyT, question: QuestionT) -> None:
        """Count one."""
        use = self._uses.get(key)
        if use is None:
            use = self._add(key, question)
        use.count += 1
        self.noted += 1

    def learn(self, key: KeyT, question: QuestionT, count: int) -> None:
        """Take over what was counted before; half of it, for it is longer ago."""
        if count // 2:
            self._add(key, question).count += count // 2

    def top(self, count: int) -> list[tuple[KeyT, Use[QuestionT]]]:
        """Return those that were asked most often, the most often first."""
        return sorted(self._uses.items(), key=lambda item: -item[1].count)[:count]

    def _add(self, key: KeyT, question: QuestionT) -> Use[QuestionT]:
        if len(self._uses) >= MOST:
            self._uses = dict(self.top(MOST // 2))
        return self._uses.setdefault(key, Use(question))
