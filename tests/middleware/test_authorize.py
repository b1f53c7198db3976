"""Who is let through."""

import os
from dataclasses import replace
from typing import Any

import pytest

from rpcbackend import PROTOCOL_VERSION
from rpcbackend.app import Application
from rpcbackend.errors import (
    ForbiddenError,
    PasswordRequiredError,
    ScopeMissingError,
    UnauthenticatedError,
)
from rpcbackend.middleware.authorize import FRESH_SECONDS, authorize
from rpcbackend.rpc_error import RpcError
from rpcbackend.security.principal import LOCAL, NOBODY, Kind, Principal
from rpcbackend.security.roles import Permission, Reach
from rpcbackend.testing import CallFailedError, Client
from tests.callers import NOW
from tests.clauses import clause
from tests.machine import Said, say
from tests.middleware.calls import make_call, passing

closed = replace(say, permission=Permission.STUDENTS_READ)
MAIN, WINDOW = "m" * 43, "w" * 43
"""What the main process knows, and what a window made up."""

HELLO = {"protocolVersion": PROTOCOL_VERSION, "client": {"name": "tests", "version": "1"}}

main_only = replace(say, main_only=True)
step_up = replace(closed, step_up=True)


def holder(kind: Kind = "user", *permissions: Permission, password_at: int = NOW) -> Principal:
    grants = dict.fromkeys(permissions, Reach.OWN)
    return Principal(kind=kind, actor="a", grants=grants, password_at=password_at)


@pytest.mark.parametrize(
    "principal",
    [
        LOCAL,
        holder("user", Permission.STUDENTS_READ),
        holder("api_key", Permission.STUDENTS_READ),
    ],
    ids=lambda one: one.kind,
)
async def test_who_holds_the_permission_is_let_through(principal: Principal) -> None:
    call = make_call(closed, label="a")
    call.context.principal = principal

    assert await passing(authorize, call) == Said(text="a")


@pytest.mark.parametrize(
    ("principal", "error"),
    [
        (NOBODY, UnauthenticatedError),
        (holder("user", Permission.STUDENTS_WRITE), ForbiddenError),
        (holder("api_key", Permission.STUDENTS_WRITE), ScopeMissingError),
    ],
    ids=["nobody", "user", "api_key"],
)
async def test_who_does_not_hold_it_is_told_what_is_missing(
    principal: Principal, error: type[RpcError]
) -> None:
    call = make_call(closed)
    call.context.principal = principal

    with pytest.raises(error):
        await passing(authorize, call)


async def test_an_open_channel_is_open_to_nobody_too() -> None:
    call = make_call(say, label="a")
    call.context.principal = NOBODY

    assert await passing(authorize, call) == Said(text="a")


# A fresh password


@pytest.mark.parametrize("seconds", [0, FRESH_SECONDS])
async def test_a_password_that_was_just_given_opens_what_wants_one(
    app: Application, seconds: int
) -> None:
    call = make_call(step_up, host=app, label="a")
    call.context.principal = holder("user", Permission.STUDENTS_READ, password_at=NOW - seconds)

    assert await passing(authorize, call) == Said(text="a")


async def test_a_password_of_more_than_five_minutes_ago_must_be_given_again(
    app: Application,
) -> None:
    call = make_call(step_up, host=app)
    call.context.principal = holder("user", Permission.STUDENTS_READ, password_at=NOW - 301)

    with pytest.raises(PasswordRequiredError):
        await passing(authorize, call)


async def test_an_api_key_never_opens_what_wants_a_password() -> None:
    call = make_call(step_up)
    call.context.principal = holder("api_key", Permission.STUDENTS_READ)

    with pytest.raises(ForbiddenError):
        await passing(authorize, call)


async def test_where_there_are_no_users_no_password_is_wanted() -> None:
    call = make_call(step_up, label="a")
    call.context.principal = LOCAL

    assert await passing(authorize, call) == Said(text="a")


async def test_who_may_not_is_not_asked_for_his_password() -> None:
    call = make_call(step_up)
    call.context.principal = holder("user", password_at=0)

    with pytest.raises(ForbiddenError):
        await passing(authorize, call)


# The main process


async def test_whoever_started_us_is_main_until_it_says_otherwise() -> None:
    assert await passing(authorize, make_call(main_only, label="a")) == Said(text="a")


@clause("main-only-capability")
@pytest.mark.parametrize("given", [None, "", "wrong", "secret ", "sécret"])
async def test_once_a_capability_was_named_only_who_knows_it_is_main(given: str | None) -> None:
    call = make_call(main_only, capability=given)
    call.context.connection.entrust("secret")

    with pytest.raises(ForbiddenError):
        await passing(authorize, call)

    call.context.meta = call.context.meta.model_copy(update={"capability": "secret"})
    assert await passing(authorize, call) == Said(text="")


@clause("main-only-capability")
async def test_a_window_can_neither_end_the_process_nor_make_itself_main(client: Client) -> None:
    await client.call("initialize", **HELLO, capability=MAIN, parentPid=os.getpid())

    attempts: list[tuple[str, dict[str, Any]]] = [
        ("shutdown", {}),
        ("shutdown", {"_meta": {"capability": WINDOW}}),
        ("initialize", HELLO | {"capability": WINDOW}),
        # A process that ends with its parent would end with one that never was.
        ("initialize", HELLO | {"parentPid": 2**22}),
        ("initialize", HELLO | {"databaseKey": WINDOW}),
        ("shutdown", {"_meta": {"capability": WINDOW}}),
    ]
    for channel, params in attempts:
        with pytest.raises(CallFailedError) as failed:
            await client.call(channel, **params)
        assert failed.value.symbol == "FORBIDDEN"

    # A window may ask what this server can do, and main itself may begin again.
    await client.call("initialize", **HELLO)
    await client.call("initialize", **HELLO, capability=MAIN, parentPid=os.getpid())
    assert await client.call("shutdown", _meta={"capability": MAIN}) == {}
