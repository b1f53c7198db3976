"""Which questions count as asked most."""

import pytest

from rpcbackend.resilience import usage as usage_module
from rpcbackend.resilience.usage import Usage


def asked(*keys: str) -> Usage[str, str]:
    usage = Usage[str, str]()
    for key in keys:
        usage.note(key, key.upper())
    return usage


def counts(usage: Usage[str, str], most: int = 100) -> list[tuple[str, str, int]]:
    return [(key, use.question, use.count) for key, use in usage.top(most)]


def test_those_that_were_asked_most_often_come_first() -> None:
    usage = asked("a", "b", "c", "b", "b", "c")

    assert counts(usage) == [("b", "B", 3), ("c", "C", 2), ("a", "A", 1)]
    assert counts(usage, 1) == [("b", "B", 3)]
    assert usage.noted == 6


def test_what_was_counted_before_counts_half_and_once_is_never() -> None:
    usage = asked("a")

    usage.learn("a", "A", 4)
    usage.learn("b", "B", 3)
    usage.learn("c", "C", 1)

    assert counts(usage) == [("a", "A", 3), ("b", "B", 1)]
    assert usage.noted == 1


def test_those_that_were_asked_least_are_forgotten_for_want_of_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(usage_module, "MOST", 4)

    usage = asked("a", "b", "a", "c", "c", "d", "e")

    assert [key for key, _, _ in counts(usage)] == ["a", "c", "e"]
