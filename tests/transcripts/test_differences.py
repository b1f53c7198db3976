"""What is different, what may be, and that the first difference is told so that one can look."""

from typing import Any

import pytest

from rpcbackend.transcripts.differences import ABSENT, Comparison, Difference
from rpcbackend.transcripts.known import Known
from rpcbackend.transcripts.rules import ALWAYS, Rule
from tests.factories import an_id

INSTANT, LATER = "2026-11-23T08:00:00Z", "2026-11-24T08:00:00.5Z"


def compared(
    recorded: Any, actual: Any, *rules: Rule, channel: str = "students.get"
) -> tuple[str, Any, Any] | None:
    return Comparison(Known(), ALWAYS | set(rules)).compare(channel, recorded, actual)


@pytest.mark.parametrize(
    ("recorded", "actual", "found"),
    [
        ({"a": 1}, {"a": 1}, None),
        ({"a": 1}, {"a": 2}, ("a", 1, 2)),
        ({"a": 1}, {"a": 1.0}, ("a", 1, 1.0)),
        ({"a": 1}, {"a": True}, ("a", 1, True)),
        ({"a": [1, 2]}, {"a": [1, 3]}, ("a[1]", 2, 3)),
        ({"a": [1]}, {"a": [1, 2]}, ("a (length)", 1, 2)),
        ({"a": 1}, {}, ("a", 1, ABSENT)),
        ({}, {"a": 1}, ("a", ABSENT, 1)),
        ({"a": "<personal:1>"}, {}, ("a", "<personal:1>", ABSENT)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, (" (order)", ["a", "b"], ["b", "a"])),
        ({"a": {"b": None}}, {"a": {"b": []}}, ("a.b", None, [])),
        ("a", None, ("", "a", None)),
    ],
    ids=lambda each: str(each).replace(str(ABSENT), "absent"),
)
def test_the_first_difference_is_found(recorded: Any, actual: Any, found: Any) -> None:
    assert compared(recorded, actual) == found


def test_all_differences_are_found_and_what_was_learnt_beside_them_is_kept() -> None:
    comparison = Comparison(Known())

    found = comparison.compare_all("c", {"a": 1, "b": "<personal:1>", "c": [1]}, {"a": 2, "b": "x"})

    assert found == [("a", 1, 2), ("c", [1], ABSENT)]
    assert comparison.compare("c", "<personal:1>", "y") == ("", "<personal:1>", "y")


def test_a_placeholder_is_what_it_was_the_first_time() -> None:
    known = Known()
    comparison = Comparison(known)
    recorded = {"a": "<personal:1>", "b": "<personal:2>"}

    assert comparison.compare("c", recorded, {"a": "x", "b": "y"}) is None
    assert comparison.compare("c", recorded, {"a": "x", "b": "x"}) == ("b", "<personal:2>", "x")
    assert known.values == {"<personal:1>": "x", "<personal:2>": "y"}


def test_what_was_learnt_from_a_message_that_differs_is_forgotten() -> None:
    known = Known()

    found = Comparison(known).compare("c", {"a": "<secret:1>", "b": 1}, {"a": "x", "b": 2})

    assert found == ("b", 1, 2)
    assert known.values == {}
    assert known.shown(None, "x") == "x"


@pytest.mark.parametrize("actual", [None, True])
def test_a_placeholder_stands_for_something(actual: Any) -> None:
    assert compared({"a": "<personal:1>"}, {"a": actual}) == ("a", "<personal:1>", actual)


def test_a_full_name_is_made_of_its_parts() -> None:
    known = Known(facts={"<personal:3>": {"parts": ["<personal:1>", "<personal:2>"]}})
    comparison = Comparison(known)

    assert comparison.compare("c", "<personal:3>", "A B") is not None
    known.learn("<personal:1>", "A")
    known.learn("<personal:2>", "B")
    assert comparison.compare("c", "<personal:3>", "B A") is not None
    assert comparison.compare("c", "<personal:3>", "A B") is None


@pytest.mark.parametrize(
    ("rule", "recorded", "actual"),
    [
        ("ids", an_id("stu", 1), an_id("stu", 2)),
        ("ids", "cor_0123456789abcdef", "cor_0123456789abcdee"),
        ("times", INSTANT, LATER),
        ("times", {"data": {"timestamp": 1}}, {"data": {"timestamp": 2}}),
        ("numbers", {"result": {"_meta": {"seq": 1}}}, {"result": {"_meta": {"seq": 2}}}),
        ("members", {"a": 1}, {"b": 2, "a": 1}),
        ("members", {"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ],
    ids=str,
)
def test_what_may_differ_on_request_does_not_else(rule: Rule, recorded: Any, actual: Any) -> None:
    assert compared(recorded, actual) is not None
    assert compared(recorded, actual, rule) is None


@pytest.mark.parametrize(
    ("channel", "recorded", "actual"),
    [
        ("system.ready", {"params": {"pid": 1, "bootMs": 7}}, {"params": {"pid": 2, "bootMs": 9}}),
        ("system.ready", {"params": {"version": "1"}}, {"params": {"version": "2"}}),
        ("initialize", {"result": {"contractHash": "a"}}, {"result": {"contractHash": "b"}}),
        ("system.health", {"result": {"uptimeMs": 1}}, {"result": {"uptimeMs": 2}}),
        (
            "system.health",
            {"result": {"store": {"databaseBytes": 1}}},
            {"result": {"store": {"databaseBytes": 2}}},
        ),
        ("apikeys.create", {"result": {"id": "abcd1234"}}, {"result": {"id": "efgh5678"}}),
        ("event", {"params": {"actor": "key_abcd1234"}}, {"params": {"actor": "key_efgh5678"}}),
    ],
    ids=str,
)
def test_what_is_the_processes_own_may_always_differ(
    channel: str, recorded: Any, actual: Any
) -> None:
    comparison = Comparison(Known())

    assert comparison.compare(channel, recorded, actual) is None
    assert comparison.allowed.total() > 0


@pytest.mark.parametrize(
    ("channel", "recorded", "actual"),
    [
        ("students.get", {"result": {"version": 1}}, {"result": {"version": 2}}),
        ("students.get", {"result": {"state": "archived"}}, {"result": {"state": "graduate"}}),
        ("system.health", {"result": {"status": "ok"}}, {"result": {"status": "damaged"}}),
    ],
    ids=str,
)
def test_what_is_the_schools_may_not(channel: str, recorded: Any, actual: Any) -> None:
    assert compared(recorded, actual, channel=channel) is not None


def test_an_id_that_differs_is_the_same_one_from_then_on() -> None:
    comparison = Comparison(Known(), ALWAYS | {"ids"})
    one, two, three = (an_id("stu", number) for number in (1, 2, 3))

    assert comparison.compare("c", one, two) is None
    assert comparison.compare("c", one, two) is None
    assert comparison.compare("c", one, three) == ("", one, three)


def test_no_name_is_read_off_a_copy() -> None:
    copy = Known(is_copy=True)
    copy.learn("<personal:1>", "Ada")

    assert copy.shown("x", "Ada") == "<personal:1>"
    assert copy.shown("<personal:2>", "Byron") == "another value"
    assert "Byron" not in copy.shown({}, {"name": "Byron"})
    assert copy.shown(1, 2) == 2


def test_a_difference_says_where_to_look() -> None:
    difference = Difference(
        channel="students.get",
        t=1_234.5,
        conn="con_1",
        path="result.state",
        expected='"active"',
        got='"paused"',
    )

    assert str(difference) == (
        "students.get, 1.234 s after the start, on con_1\n"
        "  at result.state\n"
        '    expected "active"\n'
        '         got "paused"'
    )


@pytest.mark.parametrize(
    ("channel", "recorded", "actual"),
    [
        ("x", {"result": {"bytes": 7}}, {"result": {"bytes": None}}),
        ("x", {"result": {"bytes": 7}}, {"result": {"bytes": "many"}}),
        ("x", {"result": {"bytes": 7}}, {"result": {}}),
        ("system.ready", {"params": {"pid": 7}}, {"params": {"pid": True}}),
        (
            "system.health",
            {"result": {"service": [{"seconds": 1, "isMet": True}]}},
            {"result": {"service": [{"seconds": 1, "isMet": None}]}},
        ),
        (
            "system.health",
            {"result": {"service": [{"seconds": 1}]}},
            {"result": {"service": [{"seconds": 2}]}},
        ),
        (
            "system.health",
            {"result": {"store": {"lastBackup": {"verdict": "ok"}}}},
            {"result": {"store": {"lastBackup": {"verdict": "damaged"}}}},
        ),
        ("apikeys.list", {"result": {"name": "abcdefgh"}}, {"result": {"name": "hgfedcba"}}),
        (
            "jobs.get",
            {"result": {"channel": "backups.create", "state": "running"}},
            {"result": {"channel": "backups.create", "state": "failed"}},
        ),
        (
            "jobs.get",
            {"result": {"channel": "backups.create", "endedAt": INSTANT}},
            {"result": {"channel": "backups.create", "endedAt": None}},
        ),
        (
            "jobs.get",
            {"result": {"channel": "backups.create", "endedAt": INSTANT}},
            {"result": {"channel": "backups.create", "endedAt": "soon"}},
        ),
    ],
    ids=str,
)
def test_what_may_differ_is_of_the_same_type_and_form(
    channel: str, recorded: Any, actual: Any
) -> None:
    comparison = Comparison(Known(), ALWAYS, frozenset({"backups.create"}))

    assert comparison.compare(channel, recorded, actual) is not None


@pytest.mark.parametrize(
    ("channel", "recorded", "actual"),
    [
        ("system.metrics", {"result": {"calls": [1, 2]}}, {"result": {"calls": [1]}}),
        ("system.metrics", {"result": {"calls": {"a": 1}}}, {"result": {"calls": {}}}),
        ("system.metrics", {"result": {"calls": {}}}, {"result": {"calls": {"a": 1}}}),
        ("system.metrics", {"result": {"p99Ms": None}}, {"result": {"p99Ms": 1.5}}),
        (
            "system.health",
            {"result": {"service": [{"p99Ms": None}]}},
            {"result": {"service": [{"p99Ms": 1.5}]}},
        ),
        (
            "system.health",
            {"result": {"hosts": [{"host": "sms.example:443", "retryAfterMs": 1}]}},
            {"result": {"hosts": []}},
        ),
        (
            "system.health",
            {"result": {"outbox": {"queued": 0, "delayed": []}}},
            {"result": {"outbox": {"queued": 7, "delayed": [{"channel": "mail"}]}}},
        ),
        (
            "lessons.book",
            {"result": {"_meta": {"warnings": [{"code": "DELAYED"}]}}},
            {"result": {"_meta": {}}},
        ),
        (
            "jobs.get",
            {"result": {"channel": "backups.create", "endedAt": INSTANT}},
            {"result": {"channel": "backups.create", "endedAt": LATER}},
        ),
    ],
    ids=str,
)
def test_figures_of_a_process_may_be_more_or_fewer(
    channel: str, recorded: Any, actual: Any
) -> None:
    comparison = Comparison(Known(), ALWAYS, frozenset({"backups.create"}))

    assert comparison.compare(channel, recorded, actual) is None
