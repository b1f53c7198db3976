"""What outbox.list and outbox.retry answer and refuse."""

from typing import Any

import pytest

from rpcbackend.app import Application
from rpcbackend.schema.users import Role
from rpcbackend.store import Store
from rpcbackend.testing import CallFailedError, Client, FrozenClock
from tests.factories import an_id, told_of
from tests.methods.pages import all_pages
from tests.people import refused, signed_in, with_token
from tests.store.test_outbox import lease, queue, settle, states_in


async def ids_in(client: Client, **wanted: Any) -> list[str]:
    return [each["id"] for each in (await client.call("outbox.list", **wanted))["items"]]


async def fail_all(store: Store) -> None:
    for each in await lease(store):
        await settle(store, "fail", each, "550 no such user")


async def test_list_pages_through_all_messages_the_newest_first(
    client: Client, store: Store, clock: FrozenClock
) -> None:
    for number in range(5):
        await queue(store, f"key {number}")
        clock.advance(1)

    items, sizes = await all_pages(client, "outbox.list", 2)

    assert sizes == [2, 2, 1]
    assert [each["createdAt"] for each in items] == sorted(
        (each["createdAt"] for each in items), reverse=True
    )
    assert "payload" not in items[0]
    assert await refused(client, "outbox.list", cursor="x") == "CURSOR_INVALID"


async def test_retry_tries_what_failed_from_the_beginning_and_tells_so(
    client: Client, store: Store
) -> None:
    await queue(store, owner_id=an_id("stu"))
    await fail_all(store)
    ids = await ids_in(client, state="failed")

    assert await client.call("outbox.retry", ids=ids, action="retry") == {"changed": 1}
    assert await client.call("outbox.retry", ids=ids * 2, action="retry") == {"changed": 0}

    assert await ids_in(client, state="queued") == ids
    told = {"messageId": ids[0], "channel": "mail", "studentId": an_id("stu")}
    aggregate = {"type": "message", "id": ids[0], "version": 1}
    assert await told_of(store, 0) == [("messages.queued", aggregate, told)]


async def test_cancel_sends_messages_no_more_and_tells_so(client: Client, store: Store) -> None:
    await queue(store, "failed")
    await fail_all(store)
    await queue(store, "waits")
    ids = await ids_in(client)

    assert await client.call("outbox.retry", ids=ids, action="cancel") == {"changed": 2}
    assert await client.call("outbox.retry", ids=ids, action="cancel") == {"changed": 0}

    assert await states_in(store) == {"failed": "cancelled", "waits": "cancelled"}
    assert [kind for kind, _, _ in await told_of(store, 0)] == ["messages.cancelled"] * 2


async def test_one_that_was_sent_leaves_all_of_them_as_they_are(
    client: Client, store: Store
) -> None:
    await queue(store, "sent")
    [first] = await lease(store)
    await settle(store, "sent", first)
    await queue(store, "waits")

    with pytest.raises(CallFailedError) as failed:
        await client.call("outbox.retry", ids=await ids_in(client), action="cancel")

    assert failed.value.symbol == "INVALID_TRANSITION"
    assert failed.value.details == {"id": first.id, "from": "sent", "to": "cancelled"}
    assert await states_in(store) == {"sent": "sent", "waits": "queued"}


async def test_a_message_that_is_not_there_is_not_found(client: Client) -> None:
    params = {"ids": [an_id("msg")], "action": "retry"}

    assert await refused(client, "outbox.retry", **params) == "NOT_FOUND"


async def test_a_key_without_the_scope_of_students_is_told_no_recipients(
    app: Application, store: Store
) -> None:
    owner = await signed_in(app, Role.OWNER)
    await queue(store)

    async def recipient_for(*scopes: str) -> Any:
        made = await owner.call(
            "apikeys.create",
            name="x",
            scopes=list(scopes),
            _meta={"idempotencyKey": "+".join(scopes)},
        )
        listed = await Client(app).call("outbox.list", **with_token(made["secret"]))
        return listed["items"][0]["recipient"]

    assert await recipient_for("messages:read") is None
    assert await recipient_for("messages:read", "students:read") == "ada@example.org"
    assert (await owner.call("outbox.list"))["items"][0]["recipient"] == "ada@example.org"
