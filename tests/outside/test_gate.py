"""How calls to hosts are let through, tried again and given up."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from rpcbackend.outside.adapter import RefusedError, TryAgainError
from rpcbackend.outside.gate import PROBE_SECONDS, BrokenOffError, Gate
from rpcbackend.outside.hosts import HostState
from rpcbackend.outside.policy import Policy
from rpcbackend.testing import FrozenClock

HOST = "sms.example:443"
UNREACHED = TryAgainError("down", is_unreached=True)
ONCE = Policy(retry_attempts=0)


class World:
    """A gate whose waits last no time, and what it told."""

    def __init__(self, clock: FrozenClock, policy: Policy = ONCE) -> None:
        self.clock = clock
        self.changes: list[tuple[str, str]] = []
        self.gate = Gate(clock=clock, random=lambda: 0.0, policy=policy, on_change=self._note)
        self.calls = 0

    def _note(self, state: HostState) -> None:
        self.changes.append((state.host, state.state))

    def failing(self, *failures: BaseException | None) -> Callable[[], Awaitable[str]]:
        """Fail so, one after the other, and the last for ever; None goes well."""
        left = list(failures)

        async def call() -> str:
            self.calls += 1
            failure = left.pop(0) if len(left) > 1 else left[0]
            if failure is not None:
                raise failure
            return "sent"

        return call

    async def fail(self, times: int, failure: BaseException = UNREACHED) -> None:
        """Let so many calls fail."""
        for _ in range(times):
            with pytest.raises((TryAgainError, RefusedError)):
                await self.gate.call(HOST, self.failing(failure))

    def state(self) -> HostState:
        """Return how the only host stands."""
        (state,) = self.gate.states()
        return state


@pytest.fixture
def world(clock: FrozenClock) -> World:
    return World(clock)


async def test_what_goes_well_is_returned(world: World) -> None:
    assert await world.gate.call(HOST, world.failing(None)) == "sent"
    assert (world.state().state, world.state().calls, world.state().failures) == ("closed", 1, 0)


# The breaker


async def test_a_host_that_failed_five_times_is_called_no_more(world: World) -> None:
    await world.fail(5)

    with pytest.raises(TryAgainError) as refused:
        await world.gate.call(HOST, world.failing(None))

    assert world.calls == 5
    assert (refused.value.is_unreached, refused.value.retry_after_seconds) == (True, 30.0)


async def test_one_sick_host_leaves_another_alone(world: World) -> None:
    await world.fail(5)

    assert await world.gate.call("mail.example:587", world.failing(None)) == "sent"


async def test_after_its_time_one_call_asks_whether_it_is_well_again(world: World) -> None:
    await world.fail(5)
    world.clock.advance(30)
    visitors = Visitors()
    probe = asyncio.create_task(world.gate.call(HOST, visitors.visit))
    await visitors.is_full.wait()

    with pytest.raises(TryAgainError) as refused:
        await world.gate.call(HOST, world.failing(None))
    visitors.may_go.set()
    async with asyncio.timeout(30):
        await probe

    assert refused.value.retry_after_seconds == PROBE_SECONDS
    assert world.state().state == "closed"


async def test_what_changes_is_told_once(world: World) -> None:
    await world.fail(5)
    since = world.state().since
    world.clock.advance(30)
    await world.fail(1)
    assert world.state().since == since
    world.clock.advance(60)
    await world.gate.call(HOST, world.failing(None))

    assert world.changes == [(HOST, "open"), (HOST, "closed")]
    assert world.state().since > since


@pytest.mark.parametrize(
    ("failure", "counts"),
    [
        (UNREACHED, True),
        (BrokenOffError("cut"), True),
        (ConnectionResetError(), True),
        (TryAgainError("greylisted"), False),
        (TryAgainError("slow down", retry_after_seconds=60), False),
        (RefusedError("no such user"), False),
    ],
    ids=["unreached", "broken off", "os error", "later", "retry after", "refused"],
)
async def test_only_what_is_the_host_s_fault_counts_against_it(
    world: World, failure: Exception, counts: bool
) -> None:
    await world.fail(5, failure)

    assert (world.state().state == "open") is counts
    assert world.state().failures == (5 if counts else 0)


async def test_a_bug_of_ours_says_nothing_of_the_host(world: World) -> None:
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            await world.gate.call(HOST, world.failing(ZeroDivisionError()))

    assert world.state().state == "closed"


async def test_an_answer_can_count_against_the_host(world: World) -> None:
    for _ in range(5):
        await world.gate.call(HOST, world.failing(None), is_sick=lambda answer: answer == "sent")

    assert world.state().state == "open"


async def test_a_call_that_is_cancelled_says_nothing_and_frees_its_place(
    clock: FrozenClock,
) -> None:
    world = World(clock, Policy(max_connections=1))
    for _ in range(6):
        visitors = Visitors()
        call = asyncio.create_task(world.gate.call(HOST, visitors.visit))
        await visitors.is_full.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    assert world.state().state == "closed"
    assert await world.gate.call(HOST, world.failing(None)) == "sent"


# Tries


async def test_what_reached_nobody_is_tried_again_at_once(clock: FrozenClock) -> None:
    world = World(clock, Policy(retry_attempts=2))

    assert await world.gate.call(HOST, world.failing(UNREACHED, UNREACHED, None)) == "sent"

    assert (world.calls, world.state().retries) == (3, 2)


async def test_it_is_tried_no_more_often_than_the_policy_says(clock: FrozenClock) -> None:
    world = World(clock, Policy(retry_attempts=2))

    with pytest.raises(TryAgainError, match="down"):
        await world.gate.call(HOST, world.failing(UNREACHED))

    assert world.calls == 3


@pytest.mark.parametrize(
    "failure",
    [
        BrokenOffError("cut"),
        ConnectionResetError(),
        TryAgainError("later"),
        TryAgainError("in a minute", is_unreached=True, retry_after_seconds=60),
        RefusedError("never"),
    ],
    ids=["broken off", "os error", "later", "in a minute", "refused"],
)
async def test_what_may_have_arrived_or_is_to_wait_is_not_tried_at_once(
    clock: FrozenClock, failure: Exception
) -> None:
    world = World(clock, Policy(retry_attempts=2))

    await world.fail(1, failure)

    assert world.calls == 1


async def test_retries_are_a_tenth_of_the_calls_once_the_reserve_is_used(
    clock: FrozenClock,
) -> None:
    world = World(clock, Policy(retry_attempts=1))

    for _ in range(200):
        await world.gate.call(HOST, world.failing(None))
        # So that the breaker stays closed: five are well for two that are not.
        for _ in range(4):
            await world.gate.call(HOST, world.failing(None))
        with pytest.raises(TryAgainError):
            await world.gate.call(HOST, world.failing(UNREACHED))

    assert 100 <= world.state().retries <= 10 + 1_200 / 10


async def test_a_host_whose_breaker_opened_is_not_tried_again(clock: FrozenClock) -> None:
    world = World(clock, Policy(retry_attempts=50))

    with pytest.raises(TryAgainError):
        await world.gate.call(HOST, world.failing(UNREACHED))

    assert world.calls == 5


async def test_a_wait_that_would_end_after_the_call_is_not_begun(clock: FrozenClock) -> None:
    world = World(clock, Policy(retry_attempts=2, timeout_seconds=0.2, backoff_strategy="constant"))

    with pytest.raises(TryAgainError, match="down"):
        await world.gate.call(HOST, world.failing(UNREACHED))

    assert world.calls == 1


# Bounds


async def test_a_call_that_takes_too_long_is_broken_off(clock: FrozenClock) -> None:
    world = World(clock, Policy(timeout_seconds=0.01))

    with pytest.raises(BrokenOffError, match="in time") as failed:
        await world.gate.call(HOST, asyncio.Event().wait)

    assert not failed.value.is_unreached
    assert world.state().failures == 1


class Visitors:
    """Calls that last until they are let go."""

    def __init__(self) -> None:
        self.at_once = self.most_at_once = 0
        self.may_go = asyncio.Event()
        self.is_full = asyncio.Event()

    async def visit(self) -> None:
        """Come, and stay until it is time to go."""
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.is_full.set()
        await self.may_go.wait()
        self.at_once -= 1


async def test_no_more_calls_are_under_way_than_connections(clock: FrozenClock) -> None:
    world, visitors = World(clock, Policy(max_connections=3)), Visitors()

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(world.gate.call(HOST, visitors.visit))
        await visitors.is_full.wait()
        visitors.may_go.set()

    assert visitors.most_at_once == 3


async def test_who_waits_too_long_for_a_connection_says_nothing_of_the_host(
    clock: FrozenClock,
) -> None:
    world, visitors = World(clock, Policy(max_connections=1, timeout_seconds=0.01)), Visitors()

    async def stay() -> None:
        # Even when its time is over, as a connection may that is slow to close.
        try:
            await asyncio.Event().wait()
        finally:
            await visitors.visit()

    staying = asyncio.create_task(world.gate.call(HOST, stay))
    await visitors.is_full.wait()
    with pytest.raises(TryAgainError, match="wait") as failed:
        await world.gate.call(HOST, world.failing(None))

    assert failed.value.is_unreached
    assert (world.calls, world.state().calls, world.state().failures) == (0, 1, 0)
    visitors.may_go.set()
    async with asyncio.timeout(30):
        with pytest.raises(BrokenOffError):
            await staying


async def test_a_gate_under_another_policy_knows_the_same_hosts(world: World) -> None:
    await world.fail(5)

    with pytest.raises(TryAgainError):
        await world.gate.under(Policy(max_connections=9)).call(HOST, world.failing(None))

    assert world.calls == 5
