"""What is counted of the calls: each once, where it belongs, and within bounds."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from rpcbackend.dispatch.call import Exchange
from rpcbackend.errors import DeadlineExceededError, NotFoundError, OverloadedError, ParseError
from rpcbackend.histogram import LAST, Histogram
from rpcbackend.observability import calls as calls_module
from rpcbackend.observability.calls import CallMetrics
from rpcbackend.rpc_error import RpcError
from rpcbackend.security.principal import LOCAL, NOBODY, Principal
from tests.machine import Machine, Waiting, request, say


def exchange(channel: str | None = "students.get", **given: Any) -> Exchange:
    """Make an exchange that took two milliseconds unless told otherwise."""
    usual: dict[str, Any] = {
        "connection_id": "con_1",
        "request_id": 1,
        "correlation_id": None,
        "seconds": 0.002,
        "error": None,
        "principal": LOCAL,
        "message": {},
    }
    return Exchange(channel=channel, **(usual | given))


def key(number: int) -> Principal:
    return Principal(kind="api_key", actor=f"key_{number:08}")


def test_calls_are_told_apart_by_channel() -> None:
    calls = CallMetrics()

    for one in (exchange(), exchange(seconds=0.5), exchange("lessons.book"), exchange(None)):
        calls.observe(one)

    assert {name: found.times.count for name, found in calls.channels.items()} == {
        "students.get": 2,
        "lessons.book": 1,
        None: 1,
    }
    assert calls.channels["students.get"].total_us == 502_000


@given(durations=some.lists(some.floats(0, 1_000), max_size=30))
def test_a_call_is_counted_in_the_bucket_of_its_duration(durations: list[float]) -> None:
    calls, expected = CallMetrics(), Histogram()

    for seconds in durations:
        calls.observe(exchange(seconds=seconds))
        expected.add(int(seconds * 1_000_000))

    assert calls.work.counts == expected.counts


def test_a_call_without_end_is_counted_as_the_longest() -> None:
    calls = CallMetrics()

    calls.observe(exchange(seconds=1e9))

    assert calls.work.sparse() == [(LAST, 1)]


def test_what_looks_after_the_process_does_not_count_as_work() -> None:
    calls = CallMetrics({"ping"})

    calls.observe(exchange("ping", error=DeadlineExceededError()))
    calls.observe(exchange(None, error=ParseError()))
    calls.observe(exchange())

    assert (calls.work.count, calls.failed) == (1, 0)
    assert calls.channels["ping"].times.count == 1


def test_callers_are_kinds_and_keys_and_never_people() -> None:
    calls = CallMetrics()
    user = Principal(kind="user", actor="usr_secret")

    for principal in (NOBODY, LOCAL, LOCAL, user, key(1), key(1), key(2)):
        calls.observe(exchange(principal=principal))

    assert calls.channels["students.get"].callers == {
        "nobody": 1,
        "local": 2,
        "user": 1,
        "key_00000001": 2,
        "key_00000002": 1,
    }


def test_no_number_of_keys_makes_it_grow_without_bound() -> None:
    calls = CallMetrics()

    for number in range(300):
        calls.observe(exchange(principal=key(number)))
    calls.observe(exchange(principal=key(0)))

    callers = calls.channels["students.get"].callers
    assert len(callers) == calls_module.MAX_KEYS + 1
    assert (callers["key_00000000"], callers["api_key"]) == (2, 300 - calls_module.MAX_KEYS)


def test_errors_are_counted_by_what_they_are_and_failures_are_ours_alone() -> None:
    calls = CallMetrics()
    errors: list[RpcError] = [
        NotFoundError(),
        NotFoundError("others"),
        DeadlineExceededError(),
        RpcError(),
    ]

    for error in errors:
        calls.observe(exchange(error=error))

    assert calls.channels["students.get"].errors == {
        NotFoundError: 2,
        DeadlineExceededError: 1,
        RpcError: 1,
    }
    assert calls.failed == 2


def test_every_line_of_a_connection_is_counted_once() -> None:
    machine, calls = Machine(say), CallMetrics()

    machine.receive(
        request(1, "test.say", label="a"),
        request(2, "test.say", label=7),
        request(3, "test.unknown"),
        [request(4, "test.say", label="b"), 5],
        b"{",
        b"[]",
    )
    for seen in machine.exchanges:
        calls.observe(seen)

    counted = {name: found.times.count for name, found in calls.channels.items()}
    assert counted == {"test.say": 3, None: 4}
    assert calls.channels["test.say"].callers == {"nobody": 3}


async def test_calls_that_are_refused_in_a_flood_break_the_promise() -> None:
    waiting, calls = Waiting(), CallMetrics()
    machine = Machine(waiting.method, in_flight=1, queued=0)
    machine.receive(*(request(number, "test.wait") for number in range(25)))
    waiting.let_all_end()
    await machine.until_sent(25)
    for seen in machine.exchanges:
        calls.observe(seen)

    assert (calls.work.count, calls.failed) == (25, 24)
    assert calls.channels["test.wait"].errors == {OverloadedError: 24}
