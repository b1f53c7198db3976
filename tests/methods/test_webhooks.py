"""What webhooks.save, remove and list answer, and what of the stream goes to whom."""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from rpcbackend.app import Application
from rpcbackend.context import FRESH_SECONDS
from rpcbackend.outside.adapter import RefusedError
from rpcbackend.outside.fanout import fan_out
from rpcbackend.outside.signing import PREFIX
from rpcbackend.outside.webhooks import Endpoint, find_endpoint
from rpcbackend.schema.users import Role
from rpcbackend.store import BoxDamagedError, Lease, Store, Work
from rpcbackend.store.sealed import Sealed
from rpcbackend.store.webhooks import MOST, OLD_SECRET_SECONDS
from rpcbackend.testing import CallFailedError, Client, FrozenClock
from tests.factories import School, an_id, keyed, told_of
from tests.people import refused, signed_in
from tests.store.test_outbox import rows_in

URL = "https://hooks.example.org/school"


def wanted(**given: Any) -> dict[str, Any]:
    return {"url": URL, "types": ["lessons.booked", "lessons.cancelled"]} | given


async def save(client: Client, **given: Any) -> dict[str, Any]:
    return await client.call("webhooks.save", **wanted(**given))


async def secrets_of(store: Store, webhook_id: str) -> tuple[str, ...]:
    async def unit(work: Work) -> tuple[str, ...]:
        return await work.webhooks.secrets(await work.webhooks.require(webhook_id))

    return await store.read(unit)


async def until(happens: Callable[[list[Any]], bool], store: Store) -> list[dict[str, Any]]:
    """Wait until what is in the outbox for webhooks is so, and return its payloads in order."""
    async with asyncio.timeout(30):
        while True:
            rows = [row for row in await rows_in(store) if row["channel"] == "webhook"]
            if happens(rows):
                return [orjson.loads(row["payload"]) for row in rows]


async def all_given(store: Store) -> list[dict[str, Any]]:
    """Wait until no webhook is behind the stream, and return what was queued."""

    async def is_behind(work: Work) -> bool:
        head = await work.events.head_seq()
        return any(each.seq < head for each in await work.webhooks.awaiting())

    async with asyncio.timeout(30):
        while await store.read(is_behind):
            pass
    return await until(lambda _: True, store)


# Saving


async def test_a_new_webhook_shows_its_secret_once_and_never_again(
    client: Client, store: Store
) -> None:
    saved = await save(client)

    secret, webhook = saved["secret"], saved["webhook"]
    assert webhook == {
        "id": webhook["id"],
        "url": URL,
        "types": ["lessons.booked", "lessons.cancelled"],
        "isActive": True,
        "createdAt": "2026-11-23T08:00:00Z",
        "secretChangedAt": "2026-11-23T08:00:00Z",
        "version": 1,
    }
    assert secret.startswith(PREFIX)
    assert await secrets_of(store, webhook["id"]) == (secret,)
    listed = await client.call("webhooks.list", deliveries=10)
    assert listed == {"items": [{"webhook": webhook, "deliveries": []}]}
    assert await told_of(store, 0) == [
        (
            "webhooks.saved",
            {"type": "webhook", "id": webhook["id"], "version": 1},
            {"webhookId": webhook["id"], "isActive": True},
        )
    ]


async def test_a_repeated_delivery_shows_no_secret_and_makes_no_second_webhook(
    client: Client,
) -> None:
    first = await save(client, **keyed())
    second = await save(client, **keyed())

    assert first["secret"] is not None
    assert second == first | {"secret": None}
    assert len((await client.call("webhooks.list"))["items"]) == 1


async def test_a_dry_run_shows_no_secret(client: Client) -> None:
    tried = await save(client, _meta={"dryRun": True})

    assert tried["secret"] is None
    assert (await client.call("webhooks.list"))["items"] == []


async def test_a_changed_webhook_keeps_its_secret_unless_another_one_is_wanted(
    client: Client, store: Store
) -> None:
    made = await save(client)
    webhook_id = made["webhook"]["id"]

    changed = await save(
        client, webhookId=webhook_id, types=["students.created"], expectedVersion=1
    )

    assert (changed["secret"], changed["webhook"]["version"]) == (None, 2)
    assert changed["webhook"]["types"] == ["students.created"]
    assert await secrets_of(store, webhook_id) == (made["secret"],)


async def test_the_old_secret_signs_for_a_day_after_a_change(
    client: Client, store: Store, clock: FrozenClock
) -> None:
    made = await save(client)
    webhook_id = made["webhook"]["id"]
    clock.advance(3_600)

    renewed = await save(client, webhookId=webhook_id, rotateSecret=True)

    assert renewed["secret"] != made["secret"]
    assert renewed["webhook"]["secretChangedAt"] == "2026-11-23T09:00:00Z"
    assert await secrets_of(store, webhook_id) == (renewed["secret"], made["secret"])
    clock.advance(OLD_SECRET_SECONDS - 1)
    assert len(await secrets_of(store, webhook_id)) == 2
    clock.advance(1)
    assert await secrets_of(store, webhook_id) == (renewed["secret"],)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://localhost/",
        "https://2130706433/",
        "https://hooks.example.org:8080/",
        "https://user:pass@hooks.example.org/",
        "file:///etc/passwd",
        "hooks.example.org",
    ],
)
async def test_an_address_that_leads_into_the_house_is_refused(client: Client, url: str) -> None:
    with pytest.raises(CallFailedError) as failed:
        await save(client, url=url)

    assert failed.value.symbol == "URL_REFUSED"
    assert (await client.call("webhooks.list"))["items"] == []


async def test_types_that_no_channel_leaves_are_refused_by_their_places(client: Client) -> None:
    with pytest.raises(CallFailedError) as failed:
        await save(client, types=["lessons.booked", "lessons.danced", "lessons.book"])

    assert failed.value.symbol == "INVALID_PARAMS"
    assert failed.value.details == {
        "errors": [
            {"path": "types.1", "rule": "unknown_event"},
            {"path": "types.2", "rule": "unknown_event"},
        ]
    }


@pytest.mark.parametrize("types", [[], ["*"], ["lessons.*"], ["lessons"]], ids=str)
async def test_a_type_is_one_type_and_no_pattern(client: Client, types: list[str]) -> None:
    with pytest.raises(CallFailedError) as failed:
        await save(client, types=types)

    assert failed.value.symbol == "INVALID_PARAMS"


async def test_there_are_a_hundred_webhooks_at_most(client: Client, store: Store) -> None:
    made = await save(client)

    async def unit(work: Work) -> None:
        webhook = await work.webhooks.require(made["webhook"]["id"])
        for number in range(MOST - 1):
            more = webhook.model_copy(update={"id": an_id("whk", number)})
            await work.webhooks.put(more, after_seq=0, secret=None)

    await store.write(unit, actor="tests")
    with pytest.raises(CallFailedError) as failed:
        await save(client)

    assert failed.value.symbol == "LIMIT_EXCEEDED"


async def test_a_version_that_somebody_else_changed_is_refused(client: Client) -> None:
    made = await save(client)
    with pytest.raises(CallFailedError) as failed:
        await save(client, webhookId=made["webhook"]["id"], expectedVersion=7)
    assert failed.value.symbol == "VERSION_CONFLICT"

    with pytest.raises(CallFailedError) as failed:
        await save(client, webhookId=an_id("whk", 404))
    assert failed.value.symbol == "NOT_FOUND"


async def test_only_the_owner_who_gave_his_password_a_short_time_ago_saves_one(
    app: Application, clock: FrozenClock
) -> None:
    owner = await signed_in(app, Role.OWNER)
    office = await signed_in(app, Role.OFFICE)

    assert await refused(office, "webhooks.save", **wanted()) == "FORBIDDEN"
    assert await refused(office, "webhooks.list") == "FORBIDDEN"
    clock.advance(FRESH_SECONDS + 1)
    assert await refused(owner, "webhooks.save", **wanted()) == "PASSWORD_REQUIRED"


async def test_whoever_sends_is_told_the_address_and_the_secrets_while_it_is_active(
    client: Client, store: Store
) -> None:
    made = await save(client)
    webhook_id = made["webhook"]["id"]

    async def find(wanted: str = webhook_id) -> Endpoint | None:
        return await store.read(lambda work: find_endpoint(work, wanted))

    assert await find() == Endpoint(url=URL, secrets=(made["secret"],))
    assert await find(an_id("whk", 404)) is None
    await save(client, webhookId=webhook_id, isActive=False)
    assert await find() is None


async def test_a_webhook_whose_secret_was_damaged_is_refused(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook_id = (await save(client))["webhook"]["id"]

    async def damaged(*_: object) -> str:
        raise BoxDamagedError

    monkeypatch.setattr(Sealed, "get", damaged)
    with pytest.raises(RefusedError):
        await store.read(lambda work: find_endpoint(work, webhook_id))


# What goes to it


async def test_what_is_wanted_is_queued_as_subscribers_are_told_it_and_nothing_else(
    client: Client, store: Store
) -> None:
    school = await School(client).open()
    made = await save(client)
    webhook_id = made["webhook"]["id"]
    await client.call("events.subscribe", types=["lessons.booked"])

    lesson = await school.book()

    told = (await client.next_line())["params"]
    assert await until(bool, store) == [told]
    assert (told["type"], told["data"]["lessonId"]) == ("lessons.booked", lesson["id"])
    [row] = [row for row in await rows_in(store) if row["channel"] == "webhook"]
    assert (row["recipient"], row["template"], row["dedupe_key"]) == (
        webhook_id,
        "lessons.booked",
        f"{webhook_id}:{told['seq']}",
    )
    [listed] = (await client.call("webhooks.list", webhookId=webhook_id, deliveries=5))["items"]
    assert listed["deliveries"] == [
        {
            "messageId": row["id"],
            "seq": told["seq"],
            "type": "lessons.booked",
            "state": row["state"],
            "attempts": row["attempts"],
            "lastError": None,
            "queuedAt": "2026-11-23T08:00:00.000Z",
            "endedAt": None,
        }
    ]


async def test_a_webhook_is_told_nothing_of_before_it_was_there(
    client: Client, store: Store
) -> None:
    school = await School(client).open()
    await school.book()

    await save(client)
    await school.book(startsAt="2026-11-25T09:00:00Z")

    [told] = await until(bool, store)
    assert told["data"]["startsAt"] == "2026-11-25T09:00:00Z"


async def test_a_webhook_that_was_switched_off_has_missed_what_happened_meanwhile(
    client: Client, store: Store
) -> None:
    school = await School(client).open()
    webhook_id = (await save(client))["webhook"]["id"]
    await save(client, webhookId=webhook_id, isActive=False)
    await school.book()
    assert await all_given(store) == []

    await save(client, webhookId=webhook_id)
    await school.book(startsAt="2026-11-25T09:00:00Z")

    [told] = await until(bool, store)
    assert told["data"]["startsAt"] == "2026-11-25T09:00:00Z"


async def test_each_webhook_is_given_its_own(client: Client, store: Store) -> None:
    school = await School(client).open()
    one = (await save(client))["webhook"]["id"]
    other = (await save(client, types=["lessons.booked", "students.created"]))["webhook"]["id"]

    await school.book()

    await until(lambda rows: len(rows) == 2, store)
    rows = [row for row in await rows_in(store) if row["channel"] == "webhook"]
    assert {row["recipient"] for row in rows} == {one, other}


async def test_a_webhook_that_is_removed_gets_nothing_more_of_what_waits(
    client: Client, store: Store
) -> None:
    school = await School(client).open()
    webhook_id = (await save(client))["webhook"]["id"]
    await school.book()
    await until(bool, store)

    await client.call("webhooks.remove", webhookId=webhook_id, expectedVersion=1)

    rows = [row for row in await rows_in(store) if row["channel"] == "webhook"]
    assert [row["state"] for row in rows] == ["cancelled"]
    assert (await client.call("webhooks.list"))["items"] == []

    async def sealed(work: Work) -> list[Any]:
        return list(await work.tx.all("SELECT place FROM sealed WHERE school_id = :school"))

    assert await store.read(sealed) == []
    with pytest.raises(CallFailedError) as failed:
        await client.call("webhooks.remove", webhookId=webhook_id)
    assert failed.value.symbol == "NOT_FOUND"


async def test_what_had_failed_goes_to_no_webhook_that_was_removed_nor_does_what_was_on_its_way(
    client: Client, store: Store
) -> None:
    school = await School(client).open()
    webhook_id = (await save(client))["webhook"]["id"]
    for day in (24, 25):
        await school.book(startsAt=f"2026-11-{day}T09:00:00Z")
    await all_given(store)

    async def lease(work: Work) -> list[Lease]:
        return await work.due.lease(1, room={"webhook": 2})

    failed, flying = await store.write(lease, actor="tests")
    await store.write(lambda work: work.outbox.fail(failed, "gone"), actor="tests")
    await client.call("webhooks.remove", webhookId=webhook_id, expectedVersion=1)
    await store.write(lambda work: work.outbox.fail(flying, "gone"), actor="tests")

    for message in (failed, flying):
        with pytest.raises(CallFailedError) as refused:
            await client.call("outbox.retry", ids=[message.id], action="retry")
        assert refused.value.symbol == "INVALID_TRANSITION"


async def test_to_look_again_queues_nothing_twice(client: Client, store: Store) -> None:
    school = await School(client).open()
    webhook_id = (await save(client))["webhook"]["id"]
    await school.book()
    await until(bool, store)

    async def unit(work: Work) -> bool:
        await work.webhooks.advance(webhook_id, 0)
        return await fan_out(work)

    await store.write(unit, actor="tests")

    rows = [row for row in await rows_in(store) if row["channel"] == "webhook"]
    assert len(rows) == 1
