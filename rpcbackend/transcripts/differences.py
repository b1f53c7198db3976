"""Compare what was recorded with what came: which values may differ, and where the first one does.

A placeholder that has not been met yet takes what stands in its place; from then on it is that.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rpcbackend.transcripts.format import is_placeholder
from rpcbackend.transcripts.known import Known
from rpcbackend.transcripts.rules import (
    ALWAYS,
    CANCELLED,
    JOB_NAMES,
    JOB_TIMES,
    LOOKED,
    NOT_FAILED,
    UNDER_WAY,
    Rule,
    is_like,
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
"""In the place of what is not there."""

Found = tuple[str, Any, Any]
"""Where two messages differ: the path, what was recorded, and what came."""


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
        if is_placeholder(recorded) and actual is not ABSENT:
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
        if self._is_under_way(recorded, actual) and self._allows("jobs"):
            recorded, actual = (
                {name: value for name, value in told.items() if name in JOB_NAMES}
                for told in (recorded, actual)
            )
        of_job = self._of_job(recorded)
        for name, value in recorded.items():
            came = actual.get(name, ABSENT)
            if name in of_job and is_like(value, came) and self._allows("jobs"):
                continue
            yield from self._differences(channel, value, came, f"{path}.{name}".lstrip("."))
        if list(recorded) != list(actual) and not self._allows("members"):
            yield from self._in_names(channel, recorded, actual, path)

    def _in_names(
        self, channel: str, recorded: dict[str, Any], actual: dict[str, Any], path: str
    ) -> Iterator[Found]:
        """Return the members that are new, or that all are there in another order."""
        for name, came in actual.items():
            if name not in recorded:
                place = f"{path}.{name}".lstrip(".")
                yield from self._differences(channel, ABSENT, came, place)
        if recorded.keys() == actual.keys() and not self._may_differ(
            channel, path, recorded, actual
        ):
            yield f"{path} (order)", list(recorded), list(actual)

    def _is_under_way(self, recorded: dict[str, Any], actual: dict[str, Any]) -> bool:
        if not self._begins_jobs(recorded.get("channel")):
            return False
        states = recorded.get("state"), actual.get("state")
        # How far it was when it was cancelled came of the instant.
        return states == (CANCELLED, CANCELLED) or (
            states[0] in UNDER_WAY and states[1] in NOT_FAILED
        )

    def _begins_jobs(self, channel: Any) -> bool:
        # In a document of the contract it is the schema of a member.
        return isinstance(channel, str) and channel in self._jobs

    def _of_job(self, recorded: dict[str, Any]) -> frozenset[str]:
        """Return what of an object depends on when a job did what it did."""
        area = str(recorded.get("type")).partition(".")[0]
        is_job = self._begins_jobs(recorded.get("channel")) or area in self._job_areas
        if "headSeq" in recorded and ("createdAt" in recorded or "sha256" in recorded):
            return JOB_TIMES | LOOKED
        return JOB_TIMES if is_job else frozenset()

    def _in_list(
        self, channel: str, recorded: list[Any], actual: list[Any], path: str
    ) -> Iterator[Found]:
        for index, (old, new) in enumerate(zip(recorded, actual, strict=False)):
            yield from self._differences(channel, old, new, f"{path}[{index}]")
        if len(recorded) != len(actual) and not self._may_differ(channel, path, recorded, actual):
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
            rule = rule_of_texts(channel, path, recorded, actual)
            if rule is not None and self._allows(rule):
                return rule == "times" or self._is_same(recorded, actual)
        return any(self._allows(rule) for rule in rules_at(channel, path, recorded, actual))

    def _allows(self, rule: Rule) -> bool:
        if rule not in self._rules:
            return False
        self._applied.append(rule)
        return True


def _is_equal(recorded: Any, actual: Any) -> bool:
    # 1, 1.0 and true are equal in Python, and three texts on the wire.
    return type(recorded) is type(actual) and bool(recorded == actual)
