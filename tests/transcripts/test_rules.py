"""Which places and which texts fall under which rule."""

import pytest

from rpcbackend.transcripts.rules import ALWAYS, ON_REQUEST, rule_of_texts, rules_at
from tests.factories import an_id


@pytest.mark.parametrize(
    ("channel", "path", "rules"),
    [
        ("system.ready", "params.pid", ["process"]),
        ("system.metrics", "result.calls[0].count", ["process"]),
        ("initialize", "result.server.version", ["versions"]),
        ("initialize", "result.capabilities.encryption", ["process"]),
        ("students.get", "result.version", []),
        ("lessons.book", "error.data.timestamp", ["times"]),
        ("lessons.book", "result._meta.seq", ["numbers"]),
        ("jobs.get", "result.error.timestamp", ["jobs", "times"]),
        ("jobs.list", "result.items[2].error.timestamp", ["jobs", "times"]),
        ("lessons.get", "error.timestamp", ["times"]),
        ("lessons.book", "result.lesson.state", []),
    ],
)
def test_a_place_falls_under_its_rules(channel: str, path: str, rules: list[str]) -> None:
    assert list(rules_at(channel, path, 1, 2)) == rules


@pytest.mark.parametrize(
    ("one", "other", "rule"),
    [
        (an_id("stu", 1), an_id("stu", 2), "ids"),
        ("2026-11-23T08:00:00Z", "2026-11-23T08:00:00.001Z", "times"),
        ("2026-11-28T06-00-03Z-daily", "2026-11-28T06-00-04Z-daily-2", "jobs"),
        ("key_abcd1234", "key_efgh5678", "keys"),
        ("abcd1234", "efgh5678", None),
        ("active", "paused", None),
    ],
)
def test_two_texts_of_one_form_fall_under_its_rule(one: str, other: str, rule: str | None) -> None:
    assert rule_of_texts("students.get", "result.id", one, other) == rule


def test_every_rule_holds_always_or_on_request() -> None:
    assert ALWAYS.isdisjoint(ON_REQUEST)
    assert rule_of_texts("apikeys.list", "result.items[0].id", "abcd1234", "efgh5678") == "keys"
