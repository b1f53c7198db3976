"""Answers made smaller, and those that are not."""

import gzip
from typing import Any

import orjson
import pytest
from backports import zstd

from rpcbackend.app import Application
from rpcbackend.contract.shipped import read_contract
from rpcbackend.mirror.compression import ON_A_THREAD_FROM_BYTES, coding_of, is_secret
from rpcbackend.testing import FrozenClock
from tests.mirror.web import Answer, Web, mirrored
from tests.people import PASSWORD, add_user, make_user

UNPACK: dict[str, Any] = {"gzip": gzip.decompress, "zstd": zstd.decompress}


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("", None),
        ("identity", None),
        ("br", None),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=1.0, zstd;q=0.5", "gzip"),
        ("gzip;q=0, zstd;q=0", None),
        ("gzip;q=0", None),
        ("*", "zstd"),
        ("*;q=0", None),
        ("zstd;q=0, *", "gzip"),
        ("gzip;q=x", None),
        (" gzip ; q=0.1 ", "gzip"),
    ],
)
def test_the_coding_is_what_the_caller_likes_best(accepted: str, coding: str | None) -> None:
    assert coding_of([accepted]) == coding


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_a_long_answer_is_packed_and_is_the_same(web: Web, token: str, coding: str) -> None:
    plain = await get(web, "/openrpc.json", token, "identity")
    packed = await get(web, "/openrpc.json", token, coding)

    assert len(plain.content) > ON_A_THREAD_FROM_BYTES
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == coding
    assert "Accept-Encoding" in packed.headers["vary"]
    assert len(packed.content) < len(plain.content) / 4
    assert UNPACK[coding](packed.content) == plain.content


async def test_a_short_answer_is_sent_as_it_is(web: Web) -> None:
    answer = await get(web, "/api/health", None, "gzip")

    assert "content-encoding" not in answer.headers
    assert answer.body["status"] == "ok"


async def test_an_answer_with_tokens_is_never_packed(app: Application, clock: FrozenClock) -> None:
    """Who chooses a part of it could read the rest from its length (BREACH)."""
    await add_user(app, make_user(login="ada"))
    async with mirrored(app, clock) as web:
        signed_in = await web.post(
            "/api/auth.login", {"login": "ada", "password": PASSWORD}, Accept_Encoding="gzip"
        )

    assert len(signed_in.content) > 800
    assert "content-encoding" not in signed_in.headers


def holds_secret(schema: Any, parts: dict[str, Any]) -> bool:
    """Tell whether something of a schema, or of what it refers to, is marked as a secret."""
    if isinstance(schema, list):
        return any(holds_secret(each, parts) for each in schema)
    if not isinstance(schema, dict):
        return False
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    rest = {key: part for key, part in parts.items() if key != name}
    return bool(
        schema.get("x-secret")
        or (name in parts and holds_secret(parts[name], rest))
        or any(holds_secret(each, parts) for each in schema.values())
    )


def test_no_channel_that_answers_a_secret_is_packed() -> None:
    contract = orjson.loads(read_contract())
    parts = contract["components"]["schemas"]
    telling = {
        method["name"]
        for method in contract["methods"]
        if "result" in method and holds_secret(method["result"], parts)
    }
    # A page of what was recorded, in which no secret is left.
    telling -= {"transcripts.inspect"}

    assert {"auth.login", "apikeys.create", "feeds.create", "webhooks.save"} <= telling
    assert [name for name in sorted(telling) if not is_secret(f"/api/{name}")] == []


async def test_a_stream_is_not_packed(web: Web, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "gzip"}
    async with web.http.stream("GET", "/api/events", headers=headers) as response:
        assert "content-encoding" not in response.headers


async def get(web: Web, path: str, token: str | None, accepted: str) -> Answer:
    """Get a page as it came over the wire."""
    return await web.ask(f"GET {path}", Accept_Encoding=accepted, Authorization=f"Bearer {token}")
