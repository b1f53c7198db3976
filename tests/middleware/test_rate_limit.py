"""How often each caller may, and when again."""

from dataclasses import replace
from typing import Any

import pytest

from rpcbackend.app import Application
from rpcbackend.dispatch.registry import Method
from rpcbackend.errors import RateLimitedError
from rpcbackend.middleware.rate_limit import RateLimit
from rpcbackend.resilience.shares import Rates
from rpcbackend.schema.limits import Limits
from rpcbackend.security.principal import LOCAL, NOBODY, Principal
from rpcbackend.testing import FrozenClock
from tests.callers import connect_as
from tests.clauses import clause
from tests.factories import an_id
from tests.machine import Label, Said, say
from tests.middleware.calls import make_call, passing

query = say
command = replace(say, kind="command")
heavy = replace(say, cost="heavy")
auth = replace(say, channel="auth.login", kind="command")
auth_query = replace(say, channel="auth.me")

ADA = Principal(kind="user", actor="usr_1")
BEN = Principal(kind="user", actor="usr_2")
KEY = Principal(kind="api_key", actor="key_1")

CLASSES = pytest.mark.parametrize(
    ("method", "limit", "burst", "interval_ms"),
    [
        (query, {}, 2_000, 1),
        (command, {}, 400, 5),
        (heavy, {}, 10, 200),
        (replace(heavy, kind="command"), {}, 10, 200),
        (auth, {}, 5, 12_000),
        (auth_query, {}, 2_000, 1),
        (query, {"query_per_second": 3}, 6, 334),
        (command, {"command_per_second": 7}, 14, 143),
        (heavy, {"heavy_per_second": 1}, 2, 1_000),
        (auth, {"auth_per_minute": 7}, 7, 8_572),
    ],
)


class Named(Label):
    """Params of a call that names a login."""

    login: str


class Caller:
    """Calls again and again through one ring, on one connection."""

    def __init__(self, **limits: int) -> None:
        self.clock = FrozenClock()
        self._ring = RateLimit(Limits(**limits), Rates())
        self._host = Application(None)
        self._connection = make_call(say, host=self._host).context.connection

    async def wait_for(
        self, method: Method, principal: Principal = ADA, login: str | None = None
    ) -> int:
        """Call once, and return for how many milliseconds it was refused, 0 when it was not."""
        call = make_call(method, host=self._host)
        if login is not None:
            call.params = Named(label="", login=login)
        call.context.clock, call.context.principal = self.clock, principal
        call.context.connection = self._connection
        try:
            assert await passing(self._ring, call) == Said(text="")
        except RateLimitedError as refused:
            return refused.retry_after_ms or -1
        return 0

    async def use_up(
        self, method: Method, principal: Principal = ADA, login: str | None = None
    ) -> int:
        """Call until refused and return how many calls were let through."""
        count = 0
        while not await self.wait_for(method, principal, login):
            count += 1
        return count

    def another_connection(self) -> None:
        """Go on from another connection."""
        self._connection = make_call(say, host=self._host).context.connection


@clause("rate-per-principal")
@CLASSES
async def test_each_class_has_its_burst_and_then_its_pace(
    method: Method, limit: dict[str, Any], burst: int, interval_ms: int
) -> None:
    caller = Caller(**limit)

    assert await caller.use_up(method) == burst
    assert await caller.wait_for(method) == interval_ms


@clause("rate-retry-after")
@CLASSES
async def test_who_waits_as_told_is_let_through_and_not_a_millisecond_before(
    method: Method, limit: dict[str, Any], burst: int, interval_ms: int
) -> None:
    caller = Caller(**limit)
    await caller.use_up(method)

    for _ in range(3):
        wait = await caller.wait_for(method)
        caller.clock.advance((wait - 1) / 1_000)
        assert await caller.wait_for(method) == 1
        caller.clock.advance(1 / 1_000)
        assert await caller.wait_for(method) == 0

    caller.clock.advance(burst * interval_ms / 1_000)
    assert await caller.use_up(method) == burst


@pytest.mark.parametrize("method", [query, command, heavy, auth])
async def test_each_caller_and_each_class_has_a_bucket_of_its_own(method: Method) -> None:
    caller = Caller()
    await caller.use_up(method)

    assert await caller.wait_for(method, BEN) == 0
    assert await caller.wait_for(method, KEY) == 0
    for other in {query, command, heavy, auth} - {method}:
        assert await caller.wait_for(other) == 0


async def test_a_user_has_one_bucket_over_all_his_connections() -> None:
    caller = Caller()
    await caller.use_up(command)

    caller.another_connection()

    assert await caller.wait_for(command) > 0


@clause("rate-per-principal")
@pytest.mark.parametrize("principal", [LOCAL, NOBODY], ids=["local", "nobody"])
async def test_the_one_desk_is_limited_only_where_passwords_could_be_guessed(
    principal: Principal,
) -> None:
    caller = Caller(query_per_second=1, command_per_second=1, heavy_per_second=1)

    for method in (query, command, heavy, auth_query):
        assert [await caller.wait_for(method, principal) for _ in range(20)] == [0] * 20
    assert await caller.use_up(auth, principal, "ada") == 5

    caller.another_connection()
    assert await caller.use_up(auth, principal, "ada") == 5


async def test_one_login_that_is_hammered_at_keeps_no_other_of_its_address_out() -> None:
    caller = Caller()
    await caller.use_up(auth, NOBODY, "ada")

    assert await caller.wait_for(auth, NOBODY, "ADA") == 12_000
    assert [await caller.wait_for(auth, NOBODY, "ada") for _ in range(100)] == [12_000] * 100
    for number in range(11):
        assert await caller.use_up(auth, NOBODY, f"user{number}") == 5


@clause("rate-per-principal")
@pytest.mark.parametrize("names", [True, False], ids=["many logins", "none, as auth.refresh"])
async def test_an_address_has_a_bound_for_all_its_logins_together(names: bool) -> None:
    caller = Caller()
    logins = [f"user{number}" if names else None for number in range(61)]

    waits = [await caller.wait_for(auth, NOBODY, login) for login in logins]

    assert waits == [0] * 60 + [1_000]


async def test_a_hasty_caller_is_told_when_to_come_again(app: Application) -> None:
    client = await connect_as(app, 1)
    student = {
        "branchId": an_id("bra"),
        "givenName": "Ada",
        "familyName": "Byron",
        "bornOn": "2007-12-10",
    }
    branch = {"name": "Mitte", "zone": "Europe/Berlin", "currency": "EUR"}
    attempts = [
        # What was no call and what was forbidden costs nothing.
        *[("students.create", {}, "INVALID_PARAMS")] * 400,
        *[("branches.save", branch, "FORBIDDEN")] * 400,
        *[("students.create", student, "NOT_FOUND")] * 400,
        *[("students.create", student, "RATE_LIMITED")] * 2,
    ]

    replies = [await client.start(channel, params) for channel, params, _ in attempts]

    assert [reply["error"]["data"]["code"] for reply in replies] == [
        outcome for _, _, outcome in attempts
    ]
    refused = replies[-1]["error"]["data"]
    assert (refused["retryAfterMs"], refused["retryable"]) == (5, True)
