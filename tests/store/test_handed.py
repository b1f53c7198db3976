"""A restore hands no event on twice under two ids, and leaves out none."""

from dataclasses import replace
from pathlib import Path

import pytest

from rpcbackend.outside.fanout import fan_out
from rpcbackend.store import Store, Work
from rpcbackend.store.driver import Opener
from rpcbackend.store.handed import handed_in
from rpcbackend.store.migrations import migrate
from tests.clauses import clause
from tests.factories import make_webhook, store_in
from tests.store.test_outbox import HELLO, lease, rows_in, settle
from tests.store.test_settled import nobody, restored


async def fill(store: Store) -> None:
    """Leave an event that a webhook is about to be given, and back that up."""

    async def unit(work: Work) -> None:
        await work.webhooks.put(
            make_webhook(types=["students.created", "backups.restored"]), after_seq=0, secret=None
        )
        await work.record("students.created", ("student", "stu_1", 1), {})

    await store.write(unit, actor="tests")
    await store.backup("manual")


async def give(store: Store) -> None:
    """Hand on what there is."""
    await store.write(fan_out, actor="tests")


@clause("restore-sends-nothing-twice")
@pytest.mark.parametrize("end", ["sent", "fail", "retry", "on its way"])
async def test_an_event_that_a_webhook_was_given_since_the_backup_has_the_id_that_it_had(
    tmp_path: Path, end: str
) -> None:
    async with store_in(tmp_path) as store:
        await fill(store)
        await give(store)
        [told] = await lease(store, room={"webhook": 1})
        match end:
            case "sent":
                await settle(store, "sent", told)
            case "fail":
                await settle(store, "fail", told, "gone")
            case "retry":
                await settle(store, "retry", told, "busy", 60_000)
        before = await rows_in(store)

        await restored(store)
        await give(store)
        [first, *later] = await rows_in(store)

        assert first == before[0]
        assert [row["template"] for row in later] == ["backups.restored"]


async def test_what_was_never_tried_and_other_events_of_that_number_are_handed_on_anew(
    tmp_path: Path,
) -> None:
    async with store_in(tmp_path) as store:
        await fill(store)
        await give(store)
        webhook = make_webhook()
        other = replace(
            HELLO,
            channel="webhook",
            recipient=webhook.id,
            payload={"seq": 2, "id": "evt_other"},
            dedupe_key=f"{webhook.id}:2",
        )
        await store.write(lambda work: work.outbox.queue(other), actor="tests")
        first, second = await lease(store, room={"webhook": 2})
        await settle(store, "give_back", first)
        await settle(store, "sent", second)

        await restored(store)
        await give(store)

        assert [row["template"] for row in await rows_in(store)] == [
            "students.created",
            "backups.restored",
        ]
        assert {row["state"] for row in await rows_in(store)} == {"queued"}


def test_a_database_from_before_there_were_all_columns_has_handed_on_nothing(
    tmp_path: Path,
) -> None:
    connection = Opener(tmp_path / "old.db", None, may_write=True)()
    migrate(connection, 0, to=13)
    connection.close()

    assert handed_in(tmp_path / "old.db", None)(nobody) == []
