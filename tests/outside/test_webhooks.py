"""Events posted to a real receiver: what it can check, and what its answers mean."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest

from rpcbackend.outside.adapter import LeftAloneError, RefusedError, TryAgainError
from rpcbackend.outside.signing import make_secret, verify
from rpcbackend.outside.webhooks import Endpoint, Webhooks
from rpcbackend.store import Message
from rpcbackend.testing import FrozenClock
from tests.outside.hosts import Host
from tests.outside.posts import an_answer, read_posts, web_to

ID = "msg_01a2076b-4400-7001-b656-ebf2f2a4d27b"
SECRET, OLD = make_secret(bytes(range(32))), make_secret(bytes(32))
EVENT = Message(
    channel="webhook",
    recipient="whk_1",
    template="lessons.booked",
    payload={"seq": 7, "id": "evt_1", "type": "lessons.booked", "data": {"lessonId": "les_1"}},
    dedupe_key="whk_1:7",
)


@asynccontextmanager
async def webhooks_to(
    clock: FrozenClock, *answers: bytes, secrets: tuple[str, ...] = (SECRET,)
) -> AsyncIterator[tuple[Webhooks, Host]]:
    async with web_to(clock, *answers) as (web, host, url):

        async def find(webhook_id: str) -> Endpoint | None:
            endpoint = Endpoint(url=f"{url}/hook?school=1", secrets=secrets)
            return endpoint if webhook_id == "whk_1" else None

        async with asyncio.timeout(30):
            yield Webhooks(web, find, clock=clock), host


async def test_an_event_is_posted_as_it_is_and_signed_under_the_id_of_its_message(
    clock: FrozenClock,
) -> None:
    async with webhooks_to(clock, an_answer(204, b"")) as (webhooks, host):
        assert await webhooks.send(ID, EVENT) is None

    [post] = read_posts(host)
    assert post.path == "/hook?school=1"
    assert orjson.loads(post.body) == EVENT.payload
    assert post.headers["webhook-id"] == ID
    now = clock.now_ms() // 1_000
    assert verify(post.headers, post.body, now_seconds=now, secret=SECRET) == ID


async def test_for_a_day_after_a_change_the_old_secret_is_good_as_well(clock: FrozenClock) -> None:
    async with webhooks_to(clock, an_answer(200, {}), secrets=(SECRET, OLD)) as (webhooks, host):
        await webhooks.send(ID, EVENT)

    [post] = read_posts(host)
    now = clock.now_ms() // 1_000
    for secret in (SECRET, OLD):
        assert verify(post.headers, post.body, now_seconds=now, secret=secret) == ID


async def test_every_try_has_the_same_id_and_a_time_of_its_own(clock: FrozenClock) -> None:
    async with webhooks_to(clock, an_answer(500), an_answer(200, {})) as (webhooks, host):
        with pytest.raises(TryAgainError):
            await webhooks.send(ID, EVENT)
        clock.advance(3_600)
        await webhooks.send(ID, EVENT)

    first, second = read_posts(host)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    now = clock.now_ms() // 1_000
    assert verify(second.headers, second.body, now_seconds=now, secret=SECRET) == ID


@pytest.mark.parametrize(
    ("answer", "expected", "wait"),
    [
        (an_answer(400), TryAgainError, None),
        (an_answer(404), TryAgainError, None),
        (an_answer(429, retry_after="9"), TryAgainError, 9.0),
        (an_answer(500), TryAgainError, None),
        (an_answer(301, location="http://127.0.0.1:1/"), TryAgainError, None),
        (an_answer(410), RefusedError, None),
    ],
    ids=lambda value: value[9:13].decode() if isinstance(value, bytes) else str(value),
)
async def test_an_answer_of_the_receiver_means_later_or_never(
    clock: FrozenClock, answer: bytes, expected: type[Exception], wait: float | None
) -> None:
    async with webhooks_to(clock, answer) as (webhooks, host):
        with pytest.raises((TryAgainError, RefusedError)) as failed:
            await webhooks.send(ID, EVENT)

    assert type(failed.value) is expected
    assert getattr(failed.value, "is_unreached", False) is False
    assert getattr(failed.value, "retry_after_seconds", None) == wait
    assert len(host.requests) == 1


async def test_a_host_that_failed_too_often_is_not_asked_and_that_is_no_fault_of_the_message(
    clock: FrozenClock,
) -> None:
    async with webhooks_to(clock, *[an_answer(500)] * 5) as (webhooks, host):
        for _ in range(5):
            with pytest.raises(TryAgainError):
                await webhooks.send(ID, EVENT)
        with pytest.raises(LeftAloneError) as failed:
            await webhooks.send(ID, EVENT)

    assert failed.value.seconds == 30.0
    assert len(host.requests) == 5


async def test_a_webhook_that_was_switched_off_meanwhile_gets_nothing(clock: FrozenClock) -> None:
    gone = Message(
        channel="webhook", recipient="whk_2", template="x", payload={}, dedupe_key="whk_2:1"
    )
    async with webhooks_to(clock, an_answer(200, {})) as (webhooks, host):
        with pytest.raises(RefusedError):
            await webhooks.send(ID, gone)

    assert host.connections == 0
