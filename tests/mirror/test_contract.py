"""The contract as it is served."""

from rpcbackend.app import Application
from rpcbackend.contract.shipped import read_contract
from rpcbackend.mirror.contract import CONSOLE
from rpcbackend.testing import FrozenClock
from tests.mirror.test_routes import refusal
from tests.mirror.web import Web, mirrored

DOCUMENTS = ("/openapi.json", "/openrpc.json", "/docs")


async def test_strangers_are_not_shown_what_there_is(web: Web) -> None:
    for path in DOCUMENTS[:2]:
        assert refusal(await web.get(path)) == (401, "UNAUTHENTICATED")


async def test_a_browser_in_which_nobody_is_known_is_led_to_where_one_signs_in(web: Web) -> None:
    response = await web.get("/docs")

    assert (response.status_code, response.headers["location"]) == (303, CONSOLE)


async def test_whoever_is_known_is_shown_it(web: Web, token: str) -> None:
    openrpc = await web.get("/openrpc.json", token)
    openapi = await web.get("/openapi.json", token)
    docs = await web.get("/docs", token)

    assert openrpc.content == read_contract()
    assert "/api/lessons.book" in openapi.json()["paths"]
    assert '<section id="lessons.book">' in docs.text
    assert "script-src" not in docs.headers["content-security-policy"]


async def test_everybody_is_where_it_is_set_so(app: Application, clock: FrozenClock) -> None:
    async with mirrored(app, clock, public_contract=True) as web:
        assert [(await web.get(path)).status_code for path in DOCUMENTS] == [200] * 3


async def test_what_is_not_served_is_not_described(web: Web, token: str) -> None:
    paths = (await web.get("/openapi.json", token)).json()["paths"]

    assert not {"/api/shutdown", "/api/initialize", "/api/backups.restore"} & paths.keys()
