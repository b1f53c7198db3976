"""By when a call must be over."""

from dataclasses import replace

import pytest

from rpcbackend.dispatch.registry import Kind, Lane
from rpcbackend.errors import DeadlineExceededError
from rpcbackend.middleware.deadline import Deadline
from rpcbackend.schema.limits import Limits
from tests.clauses import clause
from tests.machine import Said, say
from tests.middleware.calls import make_call, passing


@clause("deadline-default")
@pytest.mark.parametrize(
    ("kind", "lane", "timeout_ms", "deadline_at"),
    [
        ("query", "work", None, 5.0),
        ("command", "work", None, 10.0),
        ("job", "work", None, 10.0),
        ("query", "work", 250, 0.25),
        ("command", "work", 120_000, 120.0),
        ("query", "control", None, 5.0),
        ("query", "control", 250, 0.25),
        ("command", "control", 250, None),
    ],
)
async def test_a_call_gets_the_time_of_its_kind_or_the_wanted_one(
    kind: Kind, lane: Lane, timeout_ms: int | None, deadline_at: float | None
) -> None:
    call = make_call(replace(say, kind=kind, lane=lane), label="a", timeoutMs=timeout_ms)

    assert await passing(Deadline(Limits()), call) == Said(text="a")

    assert call.flight.deadline_at == deadline_at


@clause("deadline-in-queue")
async def test_a_call_whose_time_passed_in_the_queue_is_not_run() -> None:
    call = make_call(replace(say, kind="query", lane="work"), timeoutMs=250)
    call.flight.arrived_at = -0.25

    with pytest.raises(DeadlineExceededError) as failed:
        await passing(Deadline(Limits()), call)

    assert failed.value.outcome == "none"
