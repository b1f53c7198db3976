"""What the placeholders and ids of a transcript are in its replay.

A placeholder that has not been met yet takes what stands in its place, if that can be it; from then
on it is that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rpcbackend.transcripts.format import is_placeholder
from rpcbackend.transcripts.placeholders import DIGEST, like_of


@dataclass(slots=True)
class Known:
    """What the placeholders and ids of a transcript are in the replay."""

    values: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """What is told of the placeholders."""
    is_copy: bool = False
    """Whether there are names that no request of the transcript has given."""
    _names: dict[Any, str] = field(default_factory=dict)

    def learn(self, recorded: str, actual: Any) -> None:
        """Take it that what was recorded so is this now."""
        self.values[recorded] = actual
        if isinstance(actual, str | int | float):
            self._names.setdefault(actual, recorded)

    def may_be(self, recorded: str, actual: Any) -> bool:
        """Tell whether what was recorded so can be this, as far as anything is known of it."""
        if actual is None or isinstance(actual, bool):
            return False
        return (
            self._has_form(recorded, actual)
            and not self._is_anothers(recorded, actual)
            and self._has_parts(recorded, actual)
        )

    def _has_form(self, recorded: str, actual: Any) -> bool:
        kind, like = _kind_of(recorded), self.facts.get(recorded, {}).get("like")
        if is_placeholder(actual):
            # Two transcripts are compared, and nobody knows more of either.
            return _kind_of(actual) == kind
        if kind == "<digest":
            return isinstance(actual, str) and DIGEST.fullmatch(actual) is not None
        if like in (None, "search"):
            return True
        found = like_of("secret" if kind == "<secret" else "personal", actual)
        # Older transcripts tell no addresses apart from other texts.
        return found == like or (found == "url" and like in ("text", "email"))

    def _is_anothers(self, recorded: str, actual: Any) -> bool:
        """Tell whether it stands for another value, and not for another way to write the same."""
        if not isinstance(actual, str | int | float):
            return False
        other = self._names.get(actual, recorded)
        return _kind_of(other) == _kind_of(recorded) and self._root(other) != self._root(recorded)

    def _root(self, recorded: str) -> Any:
        facts = self.facts.get(recorded, {})
        inner = facts.get("of")
        return self._root(inner) if inner is not None else facts.get("same", recorded)

    def _has_parts(self, recorded: str, actual: Any) -> bool:
        parts = [self.values.get(part) for part in self.facts.get(recorded, {}).get("parts", ())]
        if None in parts:
            # On an empty store a name that nobody has given yet is no part of one.
            return self.is_copy
        return not parts or actual == " ".join(map(str, parts))

    def forget(self, recorded: str) -> None:
        """Take that back."""
        actual = self.values.pop(recorded)
        if isinstance(actual, str | int | float) and self._names.get(actual) == recorded:
            del self._names[actual]

    def shown(self, expected: Any, got: Any) -> Any:
        """Return what came as the transcript would have it: nobody reads a name off a copy."""
        if isinstance(got, str) and got in self._names:
            return self._names[got]
        if self.is_copy and isinstance(got, dict | list):
            return "something else, and no more is told of it"
        if self.is_copy and isinstance(got, str) and is_placeholder(expected):
            return "another value"
        return got


def _kind_of(recorded: str) -> str:
    return recorded.partition(":")[0] if is_placeholder(recorded) else "id"
