"""Of which calls it is asked who makes them."""

from dataclasses import replace

import pytest

from rpcbackend.app import Application
from rpcbackend.dispatch.registry import Method
from rpcbackend.errors import SessionExpiredError, UnauthenticatedError
from rpcbackend.middleware.authenticate import authenticate
from rpcbackend.security.principal import LOCAL, NOBODY
from rpcbackend.security.roles import Permission
from tests.callers import add_caller, add_session, token_for
from tests.clauses import clause
from tests.factories import an_id
from tests.machine import Said, say
from tests.middleware.calls import make_call, passing

closed = replace(say, needs_store=True, permission=Permission.SIGNED_IN)
public = replace(say, needs_store=True)


async def test_a_call_is_made_by_whoever_signed_in_on_its_connection(app: Application) -> None:
    await add_caller(app.store)
    call = make_call(closed, host=app, label="a")
    call.context.connection.session_id = (await add_session(app.store)).id

    assert await passing(authenticate, call) == Said(text="a")

    assert call.context.actor == an_id("usr")


@clause("meta-token-overrides")
async def test_a_call_with_a_token_is_made_by_its_holder(app: Application) -> None:
    await add_caller(app.store)
    token = await token_for(app.store, await add_session(app.store))

    for method in (closed, public):
        call = make_call(method, host=app, label="a", token=token)
        assert await passing(authenticate, call) == Said(text="a")
        assert call.context.actor == an_id("usr")


async def test_before_the_first_user_a_call_is_made_by_the_desk(app: Application) -> None:
    call = make_call(closed, host=app)
    call.context.principal = NOBODY

    await passing(authenticate, call)

    assert call.context.principal is LOCAL


@pytest.mark.parametrize("method", [closed, public])
async def test_a_token_that_is_none_is_refused_even_where_none_is_needed(
    app: Application, method: Method
) -> None:
    with pytest.raises(UnauthenticatedError):
        await passing(authenticate, make_call(method, host=app, token="x"))  # noqa: S106 (no secret)


async def test_a_session_that_is_over_does_not_keep_from_signing_in_again(
    app: Application,
) -> None:
    call = make_call(public, host=app, label="a")
    call.context.connection.session_id = an_id("ses")

    assert await passing(authenticate, call) == Said(text="a")

    ended = make_call(closed, host=app)
    ended.context.connection.session_id = an_id("ses")
    with pytest.raises(SessionExpiredError):
        await passing(authenticate, ended)


async def test_who_calls_is_nothing_to_a_call_that_needs_no_store() -> None:
    call = make_call(say, label="a", token="x")  # noqa: S106 (no secret)
    call.context.principal = NOBODY

    assert await passing(authenticate, call) == Said(text="a")

    assert call.context.principal is NOBODY
