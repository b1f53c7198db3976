"""Compare what was recorded with what came: which values may differ, and where the first one does.

A placeholder that has not been met yet takes what stands in its place; from then on it is that.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rpcbackend.transcripts.format import is_placeholder
from rpcbackend.transcripts.rules import (
    ALWAYS,
    JOB_NAMES,
    JOB_TIMES,
    UNDER_WAY,
    Rule,
    rule_of_texts,
    rules_at,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A place at which something else came than was recorded."""

    channel: str
    t: float
    """Of the request, or of the event: milliseconds since the start."""
    conn: str
    path: str
    expected: str
    got: str

    def __str__(self) -> str:
        return (
            f"{self.channel}, {self.t / 1_000:.3f} s after the start, on {self.conn}\n"
            f"  at {self.path}\n"
            f"    expected {self.expected}\n"
            f"         got {self.got}"
        )


ABSENT = object()

Found = tuple[str, Any, Any]
"""Where two messages differ: the path, what was recorded, and what came."""


@dataclass(slots=True)
class Known:
    """What the placeholders and ids of a transcript are in the replay."""

    values: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, list[str]] = field(default_factory=dict)
    """Of the placeholders of full names: those of the two names in each."""
    is_copy: bool = False
    """Whether there are names that no request of the transcript has given."""
    _names: dict[Any, str] = field(default_factory=dict)

    def learn(self, recorded: str, actual: Any) -> None:
        """Take it that what was recorded so is this now."""
        self.values[recorded] = actual
        if isinstance(actual, str | int | float):
            self._names.setdefault(actual, recorded)

    def may_be(self, recorded: str, actual: Any) -> bool:
        """Tell whether what was recorded so can be this, as far as its parts are known."""
        if actual is None or isinstance(actual, bool):
            return False
        parts = [self.values.get(part) for part in self.parts.get(recorded, ())]
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


class Comparison:
    """Compares one message after the other.

    Args:
        known: What is known so far; a comparison that fails leaves it as it was.
        rules: What may differ.
        jobs: The channels that begin jobs.
    """

    def __init__(
        self,
        known: Known,
        rules: frozenset[Rule] = ALWAYS,
        jobs: frozenset[str] = frozenset(),
    ) -> None:
        self._known, self._rules = known, rules
        self._jobs, self._job_areas = jobs, {name.partition(".")[0] for name in jobs}
        self.allowed: Counter[Rule] = Counter()
        """How often something differed that may."""
        self._learnt: list[str] = []
        self._applied: list[Rule] = []

    def compare(self, channel: str, recorded: Any, actual: Any) -> Found | None:
        """Return path, expected and got of the first difference; None when there is none.

        What was learnt on the way is kept only then.
        """
        self._learnt, self._applied = [], []
        found = next(self._differences(channel, recorded, actual, ""), None)
        if found is None:
            self.allowed.update(self._applied)
            return None
        for recorded_value in reversed(self._learnt):
            self._known.forget(recorded_value)
        return found

    def compare_all(self, channel: str, recorded: Any, actual: Any) -> list[Found]:
        """Return every difference, and keep what was learnt on the way."""
        return list(self._differences(channel, recorded, actual, ""))

    def _differences(self, channel: str, recorded: Any, actual: Any, path: str) -> Iterator[Found]:
        if is_placeholder(recorded):
            if not self._is_same(recorded, actual):
                yield path, recorded, actual
        elif isinstance(recorded, dict) and isinstance(actual, dict):
            yield from self._in_object(channel, recorded, actual, path)
        elif isinstance(recorded, list) and isinstance(actual, list):
            yield from self._in_list(channel, recorded, actual, path)
        elif not _is_equal(recorded, actual) and not self._may_differ(
            channel, path, recorded, actual
        ):
            yield path, recorded, actual

    def _in_object(
        self, channel: str, recorded: dict[str, Any], actual: dict[str, Any], path: str
    ) -> Iterator[Found]:
        if self._is_under_way(recorded) and self._allows("jobs"):
            recorded, actual = (
                {name: value for name, value in told.items() if name in JOB_NAMES}
                for told in (recorded, actual)
            )
        new = [name for name in actual if name not in recorded]
        is_like = list(recorded) == list(actual) or self._allows("members")
        if is_like:
            new = []
        of_job = self._of_job(recorded)
        for name, value in recorded.items():
            place = f"{path}.{name}".lstrip(".")
            if name in of_job and name in actual and self._allows("jobs"):
                continue
            if name in actual:
                yield from self._differences(channel, value, actual[name], place)
            else:
                yield place, value, ABSENT
        for name in new:
            yield f"{path}.{name}".lstrip("."), ABSENT, actual[name]
        if not is_like and recorded.keys() == actual.keys():
            yield f"{path} (order)", list(recorded), list(actual)

    def _is_under_way(self, recorded: dict[str, Any]) -> bool:
        return recorded.get("channel") in self._jobs and recorded.get("state") in UNDER_WAY

    def _of_job(self, recorded: dict[str, Any]) -> frozenset[str]:
        """Return what of an object depends on when a job did what it did."""
        area = str(recorded.get("type")).partition(".")[0]
        is_backup = "auditHeadSeq" in recorded and "createdAt" in recorded
        is_job = recorded.get("channel") in self._jobs or area in self._job_areas
        return JOB_TIMES if is_job or is_backup else frozenset()

    def _in_list(
        self, channel: str, recorded: list[Any], actual: list[Any], path: str
    ) -> Iterator[Found]:
        for index, (old, new) in enumerate(zip(recorded, actual, strict=False)):
            yield from self._differences(channel, old, new, f"{path}[{index}]")
        if len(recorded) != len(actual):
            yield f"{path} (length)", len(recorded), len(actual)

    def _is_same(self, recorded: str, actual: Any) -> bool:
        if recorded not in self._known.values:
            if not self._known.may_be(recorded, actual):
                return False
            self._known.learn(recorded, actual)
            self._learnt.append(recorded)
            return True
        return _is_equal(self._known.values[recorded], actual)

    def _may_differ(self, channel: str, path: str, recorded: Any, actual: Any) -> bool:
        if isinstance(recorded, str) and isinstance(actual, str):
            rule = rule_of_texts(channel, recorded, actual)
            if rule is not None and self._allows(rule):
                return rule == "times" or self._is_same(recorded, actual)
        return any(self._allows(rule) for rule in rules_at(channel, path))

    def _allows(self, rule: Rule) -> bool:
        if rule not in self._rules:
            return False
        self._applied.append(rule)
        return True


def _is_equal(recorded: Any, actual: Any) -> bool:
    # 1, 1.0 and true are equal in Python, and three texts on the wire.
    return type(recorded) is type(actual) and bool(recorded == actual)
