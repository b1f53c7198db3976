"""The routes of protocol.md section 9, against a real uvicorn."""

from rpcbackend import __version__
from tests.mirror.web import Web


async def test_health_is_told_to_anybody(web: Web) -> None:
    response = await web.get("/api/health")

    assert (response.status_code, response.json()) == (
        200,
        {"status": "ok", "data": {"status": "ok", "version": __version__}, "error": None},
    )


async def test_a_channel_is_called_by_its_name_and_answers_with_an_api_response(
    web: Web, token: str
) -> None:
    response = await web.call("students.list", token)

    answer = response.json()
    assert response.status_code == 200
    assert answer["status"] == "ok"
    assert answer["data"]["items"] == []
    assert answer["error"] is None


async def test_without_a_proof_nothing_is_called(web: Web) -> None:
    response = await web.call("students.list")

    assert response.status_code == 401
    assert response.json()["error"]["code"] == "UNAUTHENTICATED"


async def test_json_rpc_is_spoken_single_and_in_batches(web: Web, token: str) -> None:
    ping = {"jsonrpc": "2.0", "id": "a", "method": "ping"}

    single = await web.post("/rpc", ping, token)
    batch = await web.post("/rpc", [ping, ping | {"id": 2}], token)

    assert single.json() == {"jsonrpc": "2.0", "id": "a", "result": {}}
    assert [each["id"] for each in batch.json()] == ["a", 2]
