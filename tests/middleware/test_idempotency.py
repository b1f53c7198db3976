"""Which commands are done only once, however often they arrive."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from rpcbackend.dispatch.registry import Kind
from rpcbackend.middleware.idempotency import idempotency
from rpcbackend.testing import CallFailedError, Client
from tests.clauses import clause
from tests.factories import School
from tests.machine import Said, say
from tests.middleware.calls import make_call, proceed

command = replace(say, kind="command", needs_store=True)


async def test_a_keyed_command_is_marked_with_caller_channel_and_params() -> None:
    first = make_call(command, label="a", idempotencyKey="k")
    again = make_call(command, label="a", idempotencyKey="k", timeoutMs=5)
    other = make_call(command, label="b", idempotencyKey="k")

    for call in (first, again, other):
        assert isinstance(await idempotency(call, proceed), Said)

    keyed = first.context.keyed
    assert keyed is not None
    assert (keyed.actor, keyed.channel, keyed.key) == ("local", "test.say", "k")
    assert again.context.keyed == keyed
    assert other.context.keyed == replace(
        keyed, params_sha256=other.context.keyed.params_sha256 if other.context.keyed else b""
    )
    assert other.context.keyed != keyed


@pytest.mark.parametrize(
    ("kind", "needs_store", "meta"),
    [
        ("query", True, {"idempotencyKey": "k"}),
        ("command", False, {"idempotencyKey": "k"}),
        ("command", True, {}),
    ],
    ids=["query", "without-store", "without-key"],
)
async def test_other_calls_are_not_marked(
    kind: Kind, needs_store: bool, meta: dict[str, Any]
) -> None:
    call = make_call(replace(say, kind=kind, needs_store=needs_store), label="a", **meta)

    assert await idempotency(call, proceed) == Said(text="a")

    assert call.context.keyed is None


async def test_what_auth_answers_is_neither_stored_nor_given_twice() -> None:
    call = make_call(replace(command, channel="auth.login"), label="a", idempotencyKey="k")

    assert await idempotency(call, proceed) == Said(text="a")

    assert call.context.keyed is None


@clause("idempotency-once")
async def test_a_command_that_arrives_twice_is_done_once_and_answered_the_same(
    client: Client,
) -> None:
    school = await School(client).open()
    booking = school.booking(_meta={"idempotencyKey": "k"})

    first, second = await asyncio.gather(
        client.call_with_meta("lessons.book", booking),
        client.call_with_meta("lessons.book", booking),
    )

    assert first.pop("_meta").get("replayed") is None
    assert second.pop("_meta")["replayed"] is True
    assert first == second
    listed = await client.call("lessons.list")
    assert [lesson["id"] for lesson in listed["items"]] == [first["lesson"]["id"]]


@clause("idempotency-other-params")
async def test_a_key_with_other_params_is_refused(client: Client) -> None:
    school = await School(client).open()
    await client.call("lessons.book", **school.booking(_meta={"idempotencyKey": "k"}))

    with pytest.raises(CallFailedError) as failed:
        await client.call(
            "lessons.book", **school.booking(durationMinutes=45, _meta={"idempotencyKey": "k"})
        )

    assert (failed.value.code, failed.value.symbol) == (1104, "IDEMPOTENCY_KEY_REUSED")


@clause("idempotency-after-refusal")
async def test_a_refused_command_may_use_its_key_again(client: Client) -> None:
    school = await School(client).open()
    early = school.booking(startsAt="2020-01-01T09:00:00Z", _meta={"idempotencyKey": "k"})
    with pytest.raises(CallFailedError):
        await client.call("lessons.book", **early)

    booked = await client.call("lessons.book", **school.booking(_meta={"idempotencyKey": "k"}))

    assert booked["lesson"]["state"] == "booked"
