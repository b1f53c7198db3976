"""HTTP Basic: a password with each request, and a session behind it."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from rpcbackend.app import Application
from rpcbackend.schema.users import Role
from rpcbackend.testing import FrozenClock
from tests.mirror.test_routes import refusal
from tests.mirror.web import Web, mirrored
from tests.people import (
    OTHER_PASSWORD,
    PASSWORD,
    SECRET,
    add_user,
    app_for_people,
    be_quick,
    make_user,
)


@pytest.fixture
async def people(clock: FrozenClock) -> AsyncIterator[Application]:
    """An application with one owner, where passwords cost nothing."""
    async with app_for_people(clock) as app:
        await add_user(app, make_user(login="ada"))
        yield app


@pytest.fixture
async def basic(people: Application, clock: FrozenClock) -> AsyncIterator[Web]:
    """Its mirror, which takes passwords."""
    async with mirrored(people, clock, auth={"type": "basic"}) as web:
        yield web


def proof(login: str = "ada", password: str = PASSWORD) -> dict[str, str]:
    """Return the header of a login and a password."""
    return {"Authorization": f"Basic {base64.b64encode(f'{login}:{password}'.encode()).decode()}"}


async def ask(web: Web, headers: dict[str, str], channel: str = "students.list") -> Any:
    """Call a channel by a password."""
    return await web.post(f"/api/{channel}", {}, **headers)


async def test_a_password_opens_one_session_for_many_requests(
    people: Application, basic: Web
) -> None:
    hashing = be_quick(people)

    answers = await asyncio.gather(*(ask(basic, proof()) for _ in range(10)))
    sessions = (await ask(basic, proof(), "sessions.list")).json()["data"]["items"]

    assert {answer.status_code for answer in answers} == {200}
    assert len(hashing.verified) == 1
    assert [(one["client"], one["audience"]) for one in sessions] == [("http basic", "http")]


async def test_a_session_goes_on_before_its_token_ends(
    people: Application, basic: Web, clock: FrozenClock
) -> None:
    await ask(basic, proof())
    clock.advance(575)

    assert (await ask(basic, proof())).status_code == 200
    clock.advance(575)
    sessions = (await ask(basic, proof(), "sessions.list")).json()["data"]["items"]

    assert len(sessions) == 1
    assert len(be_quick(people).verified) == 1


async def test_a_session_that_was_ended_is_opened_anew_while_the_password_fits(
    people: Application, basic: Web
) -> None:
    await ask(basic, proof(), "auth.logout")

    assert (await ask(basic, proof())).status_code == 200
    await add_user(people, make_user(login="ada", status="disabled"))
    assert refusal(await ask(basic, proof())) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    "headers",
    [
        proof(password=OTHER_PASSWORD),
        proof(login="nobody"),
        proof(login=""),
        proof(password=""),
        {"Authorization": "Basic"},
        {"Authorization": "Basic !"},
        {"Authorization": "Basic /w=="},
        {"Authorization": "Basic YWRh"},
    ],
    ids=str,
)
async def test_what_does_not_fit_is_told_the_same(basic: Web, headers: dict[str, str]) -> None:
    assert refusal(await ask(basic, headers)) == (401, "UNAUTHENTICATED")


async def test_a_wrong_password_is_counted_as_it_is_by_auth_login(basic: Web) -> None:
    wrong = [await ask(basic, proof(password=OTHER_PASSWORD)) for _ in range(6)]

    assert refusal(wrong[-1]) == (429, "ACCOUNT_LOCKED")
    assert wrong[-1].headers["retry-after"] == "1"


async def test_a_password_that_does_not_fit_is_told_by_problem_details_to_who_wants_them(
    basic: Web,
) -> None:
    wanted = {"Accept": "application/problem+json"}

    response = await ask(basic, proof(password=OTHER_PASSWORD) | wanted)

    assert response.headers["content-type"] == "application/problem+json"


async def test_who_has_a_second_factor_does_not_get_in_by_the_first(
    people: Application, basic: Web
) -> None:
    await add_user(people, make_user(login="ada", has_mfa=True), mfa_secret=SECRET)

    assert refusal(await ask(basic, proof())) == (401, "MFA_REQUIRED")


async def test_roles_hold_as_they_do_everywhere(people: Application, basic: Web) -> None:
    await add_user(people, make_user(login="ada", roles=[Role.STUDENT]))

    assert refusal(await ask(basic, proof(), "users.list")) == (403, "FORBIDDEN")


async def test_a_browser_is_asked_for_a_password_and_a_script_is_not(basic: Web) -> None:
    person = await basic.post("/api/students.list", {})
    script = await basic.post("/api/students.list", {}, Sec_Fetch_Mode="cors")

    assert "Basic" in person.headers["www-authenticate"]
    assert "Basic" not in script.headers["www-authenticate"]


async def test_tokens_are_taken_as_well(basic: Web) -> None:
    signed_in = await basic.call("auth.login", login="ada", password=PASSWORD)
    token = signed_in.json()["data"]["accessToken"]

    assert (await basic.call("students.list", token)).status_code == 200


async def test_no_password_is_taken_unless_it_is_set_so(
    people: Application, clock: FrozenClock
) -> None:
    async with mirrored(people, clock) as web:
        assert refusal(await ask(web, proof())) == (401, "UNAUTHENTICATED")

    assert be_quick(people).verified == []
