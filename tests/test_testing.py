"""What the client in memory and the frozen clock promise to those who test with them."""

import asyncio

import pytest

from rpcbackend.testing import CallFailedError, Client, running_app


async def test_a_call_answers_the_result_without_meta(client: Client) -> None:
    assert await client.call("branches.list") == {"items": []}
    result = await client.call_with_meta("audit.list", {})
    assert result == {"items": [], "nextCursor": None, "_meta": {"seq": 0}}


async def test_a_refused_call_raises_with_everything_the_reply_said(client: Client) -> None:
    with pytest.raises(
        CallFailedError, match="METHOD_NOT_FOUND There is no such channel"
    ) as failed:
        await client.call("students.fly")

    assert failed.value.code == -32601
    assert failed.value.symbol == "METHOD_NOT_FOUND"
    assert failed.value.message == failed.value.data["message"]
    assert failed.value.details is None


async def test_a_started_call_is_answered_whole_under_its_id(client: Client) -> None:
    reply = client.start("ping", {})

    async with asyncio.timeout(30):
        assert await reply == {"jsonrpc": "2.0", "id": client.last_id, "result": {}}


async def test_lines_that_answer_no_call_are_kept_in_order(client: Client) -> None:
    client.server.notify("event", {"seq": 1})

    assert await client.raw(b"[]") == {
        "jsonrpc": "2.0",
        "method": "event",
        "params": {"seq": 1},
    }
    assert (await client.next_line())["error"]["code"] == -32600


async def test_a_late_reply_to_a_call_that_was_given_up_is_kept_aside(client: Client) -> None:
    reply = client.start("branches.list", {})
    reply.cancel()

    assert (await client.next_line())["id"] == client.last_id


async def test_an_application_in_memory_is_closed_at_the_end() -> None:
    async with running_app() as app:
        await Client(app).call("branches.list")
        assert app.is_open

    assert not app.is_open
