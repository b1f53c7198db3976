"""What audit.list and audit.verify answer, and that no command goes past them."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from rpcbackend.app import Application
from rpcbackend.errors import DiskFullError
from rpcbackend.methods import audit
from rpcbackend.schema.audit import ListAudit
from rpcbackend.store import Store, Work
from rpcbackend.store.audit import ROOT, Audit
from rpcbackend.testing import CallFailedError, Client, FrozenClock, running_app
from tests.clauses import clause
from tests.factories import School, create_student, save_branch, save_vehicle
from tests.methods.commands import COMMANDS, EXAMPLES, Stage, open_stage
from tests.methods.pages import all_pages, page_sizes
from tests.people import OTHER_PASSWORD, refused
from tests.store.tamper import SWAP, tamper_with

ZEROS = "0" * 64


async def newest(client: Client) -> dict[str, Any]:
    row: dict[str, Any] = (await client.call("audit.list", limit=1))["items"][0]
    return row


async def count(client: Client) -> int:
    head: int = (await client.call("audit.verify"))["headSeq"]
    return head


async def save_some(client: Client, number: int) -> list[dict[str, Any]]:
    """Save so many branches and return the rows of the audit, the oldest first."""
    for _ in range(number):
        await save_branch(client)
    rows, _ = await all_pages(client, "audit.list", 200)
    return rows[::-1]


def digest(record: dict[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(record)).hexdigest()


# Every command


def test_every_command_has_an_example() -> None:
    assert sorted(EXAMPLES) == COMMANDS


@pytest.fixture
async def stage(tmp_path: Path, clock: FrozenClock) -> AsyncIterator[Stage]:
    """A school in an encrypted file; see `open_stage`."""
    async with open_stage(tmp_path, clock) as opened:
        yield opened


async def rows_in(store: Store) -> list[dict[str, Any]]:
    """Return the rows, the newest first; who is signed in does not matter."""
    page = await store.read(lambda work: work.audit.page(ListAudit(limit=200)))
    rows: list[dict[str, Any]] = orjson.loads(page.json)["items"]
    return rows


async def is_right(store: Store) -> bool:
    head = store.audit_head
    followed = await store.read(lambda work: work.audit.follow(ROOT, head.seq, 5_000))
    return followed == head


CHANGED = {
    "apikeys.create": {"API key"},
    "apikeys.revoke": {"API key"},
    "auth.bootstrap": {"user", "credentials", "session"},
    "auth.changePassword": {"credentials"},
    "auth.login": {"session"},
    "auth.logout": {"session"},
    "auth.mfaEnrol": {"credentials"},
    "auth.refresh": {"session"},
    "backups.create": {"job"},
    "backups.restore": {"job"},
    "backups.verify": {"job"},
    "branches.save": {"branch"},
    "consents.set": {"consent"},
    "exports.start": {"job"},
    "feeds.create": {"feed"},
    "feeds.revoke": {"feed"},
    "instructors.save": {"instructor"},
    "jobs.cancel": {"job"},
    "keys.rekey": set[str](),
    "lessons.book": {"lesson"},
    "lessons.cancel": {"lesson"},
    "lessons.reschedule": {"lesson"},
    "notifications.send": set[str](),
    "schedules.run": {"job"},
    "schedules.save": {"schedule"},
    "outbox.retry": {"message"},
    "payments.createLink": {"payment"},
    "payments.retryLink": {"message", "payment"},
    "providers.remove": {"provider"},
    "providers.save": {"provider", "provider secret"},
    "providers.test": set[str](),
    "sessions.revoke": {"session"},
    "students.create": {"student"},
    "students.transition": {"student"},
    "students.update": {"student"},
    "templates.save": {"template"},
    "users.save": {"user"},
    "vehicles.save": {"vehicle"},
    "webhooks.receive": {"payment"},
    "webhooks.remove": {"webhook"},
    "webhooks.save": {"webhook"},
}
"""What each example changes: keys of the database are no record."""


@clause("audit-every-command")
@pytest.mark.parametrize("channel", COMMANDS)
async def test_every_command_leaves_a_row_that_tells_what_it_changed(
    stage: Stage, clock: FrozenClock, channel: str
) -> None:
    store = stage.app.store
    params = await EXAMPLES[channel](stage)
    before = store.audit_head.seq
    # What is only used again is changed by the time of its last use.
    clock.advance(1)

    answer = await stage.client.call(channel, **params)

    # A job leaves another one when it ends.
    row = next(row for row in await rows_in(store) if row["seq"] == before + 1)
    signed_in = "accessToken" in answer
    assert row["at"] == "2026-11-23T08:00:01.000Z"
    assert row["channel"] == channel
    assert row["actor"] == (answer["user"]["id"] if signed_in else stage.actor)
    assert row["sessionId"] == stage.session_id
    assert {change["type"] for change in row["changes"]} == CHANGED[channel]
    assert all(change["before"] != change["after"] for change in row["changes"])
    assert await is_right(store)


async def test_a_dry_run_of_a_change_of_keys_leaves_no_row(stage: Stage) -> None:
    before = stage.app.store.audit_head

    await stage.client.call(
        "keys.rekey", **await EXAMPLES["keys.rekey"](stage), _meta={"dryRun": True}
    )

    assert stage.app.store.audit_head == before


async def test_a_change_of_keys_that_is_sent_again_leaves_a_row_and_no_hash_of_the_key(
    stage: Stage,
) -> None:
    store, keyed = stage.app.store, {"_meta": {"idempotencyKey": "k"}}
    params = await EXAMPLES["keys.rekey"](stage)

    for _ in range(2):
        await stage.client.call("keys.rekey", **params, **keyed)

    assert [row["channel"] for row in (await rows_in(store))[:2]] == ["keys.rekey"] * 2

    async def kept(work: Work) -> list[Any]:
        return await work.tx.all("SELECT 1 FROM idempotency_keys WHERE school_id = :school")

    assert await store.read(kept) == []


async def test_a_change_of_keys_stands_even_if_its_row_cannot_be_written(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fill_up(*_: object, **__: object) -> None:
        raise DiskFullError

    monkeypatch.setattr(Audit, "append", fill_up)

    with pytest.raises(CallFailedError) as failed:
        await stage.client.call("keys.rekey", **await EXAMPLES["keys.rekey"](stage))

    assert (failed.value.symbol, failed.value.data["outcome"]) == ("DISK_FULL", "committed")


async def test_who_only_tries_to_sign_in_leaves_no_row(stage: Stage) -> None:
    login = await EXAMPLES["auth.login"](stage)
    before = stage.app.store.audit_head

    for wrong in ({"password": OTHER_PASSWORD}, {"login": "nobody"}):
        assert await refused(stage.client, "auth.login", **login | wrong) == "UNAUTHENTICATED"

    assert stage.app.store.audit_head == before


async def test_a_stolen_token_that_ends_a_session_leaves_a_row(
    stage: Stage, clock: FrozenClock
) -> None:
    params = await EXAMPLES["auth.refresh"](stage)
    for _ in range(2):
        params["refreshToken"], old = (
            (await stage.client.call("auth.refresh", **params))["refreshToken"],
            params["refreshToken"],
        )
    clock.advance(11)

    assert await refused(stage.client, "auth.refresh", refreshToken=old) == "SESSION_EXPIRED"

    [row, *_] = await rows_in(stage.app.store)
    [ended] = row["changes"]
    assert (row["channel"], row["actor"]) == ("auth.refresh", "nobody")
    assert (ended["type"], ended["after"]) == ("session", None)


async def test_no_digest_of_a_secret_is_in_the_audit(stage: Stage) -> None:
    store = stage.app.store
    params = await EXAMPLES["auth.changePassword"](stage)
    await stage.client.call("auth.changePassword", **params)

    [row, *_] = await rows_in(store)

    # Everything that the digests are of can be known to whoever reads them: nothing to guess.
    [change] = row["changes"]
    assert change == {
        "type": "credentials",
        "id": stage.actor,
        "before": digest({"userId": stage.actor}),
        "after": digest({"userId": stage.actor, "isChanged": True}),
    }


async def test_a_row_tells_who_did_what_when(client: Client) -> None:
    branch = await save_branch(client)

    row = await newest(client)

    assert row == {
        "seq": 1,
        "at": "2026-11-23T08:00:00.000Z",
        "actor": "local",
        "sessionId": None,
        "channel": "branches.save",
        "changes": [
            {"type": "branch", "id": branch["id"], "before": None, "after": digest(branch)}
        ],
        "hash": row["hash"],
    }


async def test_a_command_that_was_refused_tried_or_sent_again_leaves_no_row(
    client: Client,
) -> None:
    keyed = {"_meta": {"idempotencyKey": "k"}}
    branch = await save_branch(client, **keyed)

    await save_branch(client, **keyed)
    await save_branch(client, _meta={"dryRun": True})
    with pytest.raises(CallFailedError):
        await save_branch(client, branchId=branch["id"], expectedVersion=9)
    with pytest.raises(CallFailedError):
        await save_branch(client, name="Nord", **keyed)

    assert await count(client) == 1


async def test_a_command_that_found_nothing_to_do_leaves_a_row_without_changes(
    app: Application, client: Client
) -> None:
    stage = Stage(app, client, await School(client).open())
    cancel = await EXAMPLES["lessons.cancel"](stage)

    await client.call("lessons.cancel", **cancel)
    await client.call("lessons.cancel", **cancel)

    rows = (await client.call("audit.list", channel="lessons.cancel"))["items"]
    assert [len(row["changes"]) for row in rows] == [0, 1]


# audit.list


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 200])
async def test_pages_are_whole_and_the_newest_first(client: Client, limit: int) -> None:
    await save_some(client, 7)

    rows, sizes = await all_pages(client, "audit.list", limit)

    assert [row["seq"] for row in rows] == [7, 6, 5, 4, 3, 2, 1]
    assert sizes == page_sizes(7, limit)


async def test_filters_narrow_each_other(client: Client, clock: FrozenClock) -> None:
    branch = await save_branch(client)
    clock.advance(60)
    await save_vehicle(client, branch["id"])
    clock.advance(60)
    await save_branch(client, branchId=branch["id"])
    await create_student(client, branch["id"])

    async def seqs(**given: str) -> list[int]:
        page = await client.call("audit.list", **given)
        return [row["seq"] for row in page["items"]]

    assert await seqs(actor="local") == [4, 3, 2, 1]
    assert await seqs(actor="nobody") == []
    assert await seqs(entityId=branch["id"]) == [3, 1]
    assert await seqs(channel="branches.save") == [3, 1]
    assert await seqs(to="2026-11-23T08:01:00Z") == [1]
    assert await seqs(**{"from": "2026-11-23T08:01:00Z"}) == [4, 3, 2]
    assert await seqs(**{"from": "2026-11-23T08:01:00Z", "entityId": branch["id"]}) == [3]
    assert await seqs(channel="branches.save", actor="local", entityId=branch["id"]) == [3, 1]


async def test_a_cursor_of_another_list_is_refused(client: Client) -> None:
    with pytest.raises(CallFailedError) as failed:
        await client.call("audit.list", cursor="WyJhIl0")

    assert failed.value.symbol == "CURSOR_INVALID"


@pytest.mark.sqlite
async def test_a_row_whose_changes_are_damaged_is_listed_without_them(
    client: Client, store: Store
) -> None:
    await save_some(client, 2)

    await tamper_with(store, "UPDATE audit SET changes = '[' WHERE seq = 1")

    rows = (await client.call("audit.list"))["items"]
    assert [row["changes"] is None for row in rows] == [False, True]


# audit.verify


async def test_an_audit_without_rows_is_right(client: Client) -> None:
    nothing = {"checked": 0, "headSeq": 0, "headHash": ZEROS}

    assert await client.call("audit.verify") == {"ok": True, "firstBadSeq": None, **nothing}
    assert await client.call("audit.verify", anchor="f" * 64) == {
        "ok": False,
        "firstBadSeq": 1,
        **nothing,
    }


async def test_an_untouched_audit_is_right_in_every_range_and_for_every_anchor(
    client: Client, store: Store
) -> None:
    rows = await save_some(client, 4)
    assert rows[3]["hash"] == store.audit_head.hash.hex()

    for start in range(1, 5):
        for end in range(start, 5):
            assert await client.call(
                "audit.verify", fromSeq=start, toSeq=end, anchor=rows[end - 1]["hash"]
            ) == {
                "ok": True,
                "checked": end - start + 1,
                "headSeq": 4,
                "headHash": rows[3]["hash"],
                "firstBadSeq": None,
            }
    assert (await client.call("audit.verify", anchor=rows[3]["hash"]))["checked"] == 4
    assert (await client.call("audit.verify", fromSeq=5))["ok"]


@pytest.mark.sqlite
@clause("audit-first-bad-row")
@pytest.mark.parametrize(
    ("statements", "bad"),
    [
        (["UPDATE audit SET actor = 'eve' WHERE seq = 1"], 1),
        (["UPDATE audit SET at = at + 1 WHERE seq >= 3"], 3),
        (["UPDATE audit SET changes = 'no JSON' WHERE seq = 2"], 2),
        (["UPDATE audit SET channel = CAST(x'ff' AS TEXT) WHERE seq = 4"], 4),
        (["UPDATE audit SET hash = zeroblob(32) WHERE seq = 5"], 5),
        (["DELETE FROM audit WHERE seq = 2"], 2),
        (SWAP, 2),
    ],
    ids=["changed", "changed at the end", "no JSON", "no UTF-8", "head", "missing", "swapped"],
)
async def test_the_first_bad_row_is_named(
    client: Client, store: Store, statements: list[str], bad: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await save_some(client, 5)
    await tamper_with(store, *statements)

    for chunk in (5_000, 2, 1):
        monkeypatch.setattr(audit, "CHUNK", chunk)
        verified = await client.call("audit.verify")

        assert (verified["ok"], verified["firstBadSeq"], verified["checked"]) == (
            False,
            bad,
            bad - 1,
        )


@pytest.mark.sqlite
@clause("audit-anchor")
async def test_a_lost_or_rewritten_end_is_found_by_who_remembers_it(
    client: Client, store: Store
) -> None:
    remembered = (await save_some(client, 5))[4]["hash"]
    await tamper_with(store, "DELETE FROM audit WHERE seq > 3")

    async def bad(**given: Any) -> int | None:
        seq: int | None = (await client.call("audit.verify", **given))["firstBadSeq"]
        return seq

    assert await bad() is None
    assert await bad(toSeq=5) == 4
    assert await bad(toSeq=5, anchor=remembered) == 4
    assert await bad(fromSeq=5) == 4
    assert await bad(fromSeq=6, toSeq=9) == 4
    assert await bad(anchor=remembered) == 3

    for name in ("Ost", "West"):
        await save_branch(client, name=name)
    assert await bad() is None
    assert await bad(toSeq=5) is None
    assert await bad(toSeq=5, anchor=remembered) == 5


@pytest.mark.sqlite
async def test_a_range_whose_start_hangs_in_the_air_is_bad(client: Client, store: Store) -> None:
    await save_some(client, 4)

    await tamper_with(store, "DELETE FROM audit WHERE seq = 2")

    verified = await client.call("audit.verify", fromSeq=3)
    assert (verified["ok"], verified["firstBadSeq"], verified["checked"]) == (False, 2, 0)
    assert (await client.call("audit.verify", fromSeq=4))["ok"]


async def test_it_goes_chunk_by_chunk_and_tells_how_far_it_is(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await save_some(client, 5)
    monkeypatch.setattr(audit, "CHUNK", 2)

    verified = await client.call("audit.verify", _meta={"progressToken": 1})

    assert verified["checked"] == 5
    begin = (await client.next_line())["params"]["value"]
    assert (begin["kind"], begin["done"], begin["total"]) == ("begin", 0, 5)
    assert (await client.next_line())["params"]["value"] == {"kind": "end"}


async def test_what_is_written_meanwhile_does_not_disturb_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "CHUNK", 1)
    async with running_app(tmp_path) as app:
        client = Client(app)
        await save_some(client, 20)

        verifying = client.start("audit.verify", {})
        for _ in range(5):
            await save_branch(client)
        verified = (await verifying)["result"]

        # Up to where it was when it began, wherever that was.
        assert verified["ok"]
        assert 20 <= verified["checked"] == verified["headSeq"] <= 25


async def test_the_audit_is_right_after_the_next_start_too(tmp_path: Path) -> None:
    async with running_app(tmp_path) as app:
        await save_some(Client(app), 3)

    async with running_app(tmp_path) as app:
        client = Client(app)
        assert len(await save_some(client, 1)) == 4
        assert (await client.call("audit.verify"))["ok"]


@pytest.mark.parametrize(
    "given",
    [{"fromSeq": 0}, {"fromSeq": 3, "toSeq": 2}, {"toSeq": 0}, {"anchor": "F" * 64}],
    ids=str,
)
async def test_params_that_do_not_fit_are_refused(client: Client, given: dict[str, Any]) -> None:
    with pytest.raises(CallFailedError) as failed:
        await client.call("audit.verify", **given)

    assert failed.value.symbol == "INVALID_PARAMS"


async def test_health_tells_the_head_without_a_look_at_the_store(
    client: Client, app: Application
) -> None:
    rows = await save_some(client, 2)

    health = (await client.call("system.health"))["store"]

    assert (health["auditHeadSeq"], health["auditHeadHash"]) == (2, rows[1]["hash"])
    assert app.store.audit_head.seq == 2
