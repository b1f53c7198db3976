"""What a process knows of its connections."""

import asyncio

from rpcbackend.app import Application
from rpcbackend.dispatch.connections import audience_of
from rpcbackend.testing import Client

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


def test_ids_are_counted_over_all_connections_and_tell_how_each_reached_us(
    app: Application,
) -> None:
    desk, web = Client(app), Client(app)

    over_http = app.connections.open(web, audience="http", source="127.0.0.1")

    assert desk.server.id == "con_1"
    assert over_http.id == "web_3"
    assert audience_of(desk.server.id) == "stdio"
    assert audience_of(over_http.id) == "http"


def test_a_connection_counts_its_guesses_by_itself_unless_told_where_it_comes_from(
    app: Application,
) -> None:
    client = Client(app)

    assert client.server.source == client.server.id
    assert app.connections.open(client, audience="http", source="127.0.0.1").source == "127.0.0.1"


def test_only_the_desk_is_the_desk(app: Application) -> None:
    client = Client(app)

    assert client.server.is_desk
    assert not app.connections.open(client, audience="http").is_desk


async def test_a_connection_that_comes_after_the_end_began_is_refused_everything(
    app: Application,
) -> None:
    await app.close()

    late = Client(app)
    late.server.receive(b'{"jsonrpc":"2.0","id":1,"method":"students.list"}')

    reply = await late.next_line()
    assert reply["error"]["data"]["code"] == "SHUTTING_DOWN"


async def test_all_connections_are_drained_at_once(app: Application) -> None:
    first, second = Client(app), Client(app)
    asked = [client.start("students.list", {}) for client in (first, second)]

    await app.close()

    assert all(["result" in await one for one in asked])


async def test_a_connection_that_is_forgotten_is_not_counted(app: Application) -> None:
    client = Client(app)
    asked = client.start("students.list", {})
    app.connections.close(client.server)

    health = await Client(app).call("system.health")

    assert health["inFlight"] == 1, "its own"
    async with asyncio.timeout(30):
        assert "result" in await asked
