"""How well the school was served, over the windows that the design promises something for."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from rpcbackend.histogram import Histogram
from rpcbackend.observability.service import DAY, HOUR, Series, ServiceRecord
from rpcbackend.store import Measured, Run
from tests.schema.fits import written

NOW = 1_795_420_800
"""A whole hour."""


def windows(record: ServiceRecord, now: int = NOW) -> dict[int, dict[str, Any]]:
    return {window.seconds: written(window) for window in record.windows(now)}


def serve(record: ServiceRecord, *milliseconds: int, now: int = NOW, **given: int) -> Histogram:
    """Let calls pass that took so long."""
    work = Histogram()
    for duration in milliseconds:
        work.add(duration * 1_000)
    record.note(now, **({"up_ms": 0, "failed": 0} | given), work=work)
    return work


def test_without_calls_nothing_is_broken_that_was_promised() -> None:
    assert windows(ServiceRecord())[HOUR] == {
        "seconds": HOUR,
        "calls": 0,
        "p99Ms": None,
        "failedShare": None,
        "upShare": None,
        "isMet": True,
    }


def test_each_window_holds_what_happened_within_it_and_a_span_more() -> None:
    record = ServiceRecord()
    ages = [0, HOUR, HOUR + 299, HOUR + 301, DAY, DAY + 301, 30 * DAY, 30 * DAY + HOUR + 1]
    for number, age in enumerate(reversed(ages)):
        work = Histogram()
        for _ in range(number + 1):
            work.add(1_000)
        record.note(NOW + 299 - age, up_ms=0, work=work, failed=0)

    calls = {seconds: window["calls"] for seconds, window in windows(record, NOW + 299).items()}

    assert calls == {HOUR: 3, DAY: 5, 30 * DAY: 7}


@pytest.mark.parametrize(
    ("milliseconds", "failed", "is_met"),
    [
        ([1] * 100, 0, True),
        ([1] * 99 + [5_000], 0, True),
        ([1] * 98 + [5_000] * 2, 0, False),
        ([120] * 100, 0, False),
        ([1] * 2_000, 1, True),
        ([1] * 1_000, 1, False),
    ],
    ids=["quick", "one in a hundred slow", "two slow", "all slow", "one failed", "too many failed"],
)
def test_the_promise_is_kept_or_broken(milliseconds: list[int], failed: int, is_met: bool) -> None:
    record = ServiceRecord()

    serve(record, *milliseconds, failed=failed, up_ms=1)

    window = windows(record)[HOUR]
    assert (window["isMet"], window["calls"]) == (is_met, len(milliseconds))
    assert window["failedShare"] == failed / len(milliseconds)


def test_a_process_that_died_is_missed_until_the_next_one_is_there() -> None:
    record = ServiceRecord()
    record.note_absence(NOW, Run(began_at=NOW - 900, ended_at=None), alive_at=NOW - 30)

    serve(record, up_ms=970_000)

    assert windows(record)[DAY]["upShare"] == 0.97
    assert windows(record)[DAY]["isMet"] is False


@pytest.mark.parametrize(
    ("last", "alive_at"),
    [
        (None, 0),
        (Run(NOW - 900, NOW - 30), NOW - 30),
        (Run(NOW - 2 * DAY, None), NOW - HOUR - 1),
        (Run(NOW + 60, None), NOW - 5),
    ],
    ids=["first of all", "ended in good order", "gone for hours", "the clock was set back"],
)
def test_nobody_is_missed_who_was_not_wanted(last: Run | None, alive_at: int) -> None:
    record = ServiceRecord()

    record.note_absence(NOW, last, alive_at)
    serve(record, up_ms=1_000)

    assert windows(record)[DAY]["upShare"] == 1


MEASURED = some.builds(
    Measured,
    up_ms=some.integers(0, 10),
    down_ms=some.integers(0, 10),
    failed=some.integers(0, 10),
    times=some.dictionaries(some.integers(0, 5), some.integers(1, 9), max_size=3),
)


def sum_of(parts: list[Measured]) -> Measured:
    total = Measured()
    for part in parts:
        total.add(part)
    return total


@given(passed=some.lists(some.tuples(some.integers(0, 200), MEASURED)), cut=some.integers(0, 200))
def test_two_processes_know_together_what_one_would_know(
    passed: list[tuple[int, Measured]], cut: int
) -> None:
    """The second learns what the first kept, in the middle of a span perhaps."""
    whole, first, second = (Series(60, 200) for _ in range(3))
    for at, measured in passed:
        whole.add(at, measured)
        (first if at < cut else second).add(at, measured)

    second.learn(first.take_untold())

    assert second.spans == whole.spans
    assert second.over(200, 120) == whole.over(200, 120)


@given(passed=some.lists(some.tuples(some.integers(0, 240), MEASURED, some.booleans())))
def test_a_window_is_the_sum_of_what_happened_in_it_whenever_it_is_asked_for(
    passed: list[tuple[int, Measured, bool]],
) -> None:
    """Also by a clock that is set back, and ahead again."""
    series, seen = Series(60, 200), list[tuple[int, Measured]]()

    for now, measured, is_asked in passed:
        series.add(now, measured)
        seen.append((now, measured))
        since, until = now - now % 60 - 120, now - now % 60 + 60
        if is_asked:
            assert series.over(now, 120) == sum_of(
                [one for when, one in seen if since <= when < until]
            )


def test_what_is_too_much_is_given_up_and_not_written_again() -> None:
    series = Series(60, 2)
    for at in (0, 59, 60, 700, 720):
        series.add(at, Measured(failed=1))

    series.forget(719)

    assert series.spans.keys() == {60, 660}
    assert series.take_untold() == {60: Measured(failed=1), 660: Measured(failed=1)}
    assert series.take_untold() == {}


def test_what_is_being_written_does_not_change_meanwhile() -> None:
    series = Series(60, 11)
    series.add(0, Measured(failed=1, times={3: 1}))

    told: Mapping[int, Measured] = series.take_untold()
    series.add(0, Measured(failed=1, times={3: 1}))

    assert told == {0: Measured(failed=1, times={3: 1})}
    assert series.take_untold() == {0: Measured(failed=1, times={3: 1})}
    assert series.spans == {0: Measured(failed=2, times={3: 2})}
