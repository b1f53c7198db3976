"""What the backups.* channels answer, and what their jobs do."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rpcbackend import PROTOCOL_VERSION
from rpcbackend.app import Application
from rpcbackend.context import FRESH_SECONDS
from rpcbackend.schema.users import Role
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, FrozenClock, running_app
from tests.factories import School
from tests.people import log_in, refused, sign_in, signed_in

ID = "2026-11-23T08-00-00Z-manual"
CAPABILITY = "C" * 43


@dataclass
class Desk:
    """A school in a file, and the connection of its main process."""

    app: Application
    client: Client
    folder: Path

    async def begin(self, channel: str, /, **params: Any) -> str:
        """Begin a job and return its id."""
        return str((await self.client.call(channel, **params))["jobId"])

    async def run(self, channel: str, /, **params: Any) -> dict[str, Any]:
        """Begin a job, wait for its end, and return how jobs.get tells it."""
        job_id = await self.begin(channel, **params)
        await self.app.jobs.ended(job_id)
        return await self.client.call("jobs.get", jobId=job_id)

    async def list(self) -> list[dict[str, Any]]:
        """Return the backups that there are."""
        items: list[dict[str, Any]] = (await self.client.call("backups.list"))["items"]
        return items


@pytest.fixture
async def desk(tmp_path: Path, clock: FrozenClock) -> AsyncIterator[Desk]:
    """A school of one branch with people and a vehicle."""
    bugs: list[Exception] = []
    surroundings = Surroundings(clock=clock, report_bug=lambda bug, _: bugs.append(bug))
    async with running_app(tmp_path / "data", surroundings) as app:
        client = Client(app)
        await School(client).open()
        yield Desk(app, client, tmp_path / "data" / "backups")
    if bugs:
        raise bugs[0]


async def entrust(desk: Desk) -> None:
    """Let only whoever knows the capability be the main process from now on."""
    await desk.client.call(
        "initialize",
        protocolVersion=PROTOCOL_VERSION,
        client={"name": "tests", "version": "1"},
        capability=CAPABILITY,
    )


# create


async def test_a_backup_is_made_as_a_job_listed_and_told_of(desk: Desk, clock: FrozenClock) -> None:
    head = desk.app.store.head_seq
    await desk.client.call("events.subscribe", types=["backups.created"])

    job = await desk.run("backups.create")

    assert job["state"] == "done"
    made = job["result"]
    file = desk.folder / f"{ID}.db"
    assert made["backupId"] == ID
    assert made["bytes"] == file.stat().st_size
    assert made["headSeq"] == head
    event = (await desk.client.next_line())["params"]
    assert event["aggregate"] == {"type": "backup", "id": ID, "version": 1}
    assert event["data"] == {"reason": "manual", "bytes": made["bytes"]}
    clock.advance(90)
    assert await desk.list() == [
        {
            "id": ID,
            "reason": "manual",
            "createdAt": "2026-11-23T08:00:00Z",
            "ageSeconds": 90,
            "bytes": made["bytes"],
            "headSeq": head,
            "auditHeadSeq": made["auditHeadSeq"],
            "schemaVersion": desk.app.store.engine.schema_version,
            "isEncrypted": False,
            "opens": True,
        }
    ]
    health = await desk.client.call("system.health")
    assert health["store"]["lastBackup"] == {
        "id": ID,
        "createdAt": "2026-11-23T08:00:00Z",
        "ageSeconds": 90,
        "verdict": "ok",
    }


async def test_a_backup_leaves_a_row_of_the_audit_when_it_is_asked_for_and_when_it_is_made(
    desk: Desk,
) -> None:
    job = await desk.run("backups.create")

    rows = (await desk.client.call("audit.list", entityId=job["id"]))["items"]
    assert [(row["channel"], row["actor"]) for row in rows] == [("backups.create", "local")] * 2
    assert (await desk.client.call("audit.verify"))["ok"]


async def test_a_job_is_made_at_one_time_whoever_tells_it(desk: Desk, clock: FrozenClock) -> None:
    clock.advance(0.75)
    job_id = await desk.begin("backups.create")

    begun = await desk.client.call("jobs.get", jobId=job_id)
    await desk.app.jobs.ended(job_id)
    over = await desk.client.call("jobs.get", jobId=job_id)

    assert begun["createdAt"] == over["createdAt"] == "2026-11-23T08:00:00Z"


async def test_a_second_backup_waits_for_the_first_and_both_are_made(desk: Desk) -> None:
    first, second = [await desk.begin("backups.create") for _ in range(2)]

    for job_id in (first, second):
        await desk.app.jobs.ended(job_id)

    assert [entry["id"] for entry in await desk.list()] == [f"{ID}-2", ID]


async def test_before_the_first_backup_health_tells_of_none(desk: Desk) -> None:
    assert await desk.list() == []
    assert (await desk.client.call("system.health"))["store"]["lastBackup"] is None


async def test_a_backup_that_is_cancelled_leaves_nothing(desk: Desk) -> None:
    job_id = await desk.begin("backups.create")

    assert await desk.client.call("jobs.cancel", jobId=job_id) == {"state": "cancelled"}

    assert await desk.app.jobs.settle(5)
    assert (await desk.client.call("jobs.get", jobId=job_id))["state"] == "cancelled"
    assert not desk.folder.exists() or list(desk.folder.iterdir()) == []


async def test_whoever_signs_out_meanwhile_leaves_a_backup_and_a_job_that_failed(
    desk: Desk,
) -> None:
    owner, other = await signed_in(desk.app, Role.OWNER), await sign_in(desk.app)
    job_id = (await owner.call("backups.create"))["jobId"]

    await owner.call("auth.logout")
    await desk.app.jobs.ended(job_id)

    job = await other.call("jobs.get", jobId=job_id)
    assert (job["state"], job["error"]["code"]) == ("failed", "SESSION_EXPIRED")
    assert len((await other.call("backups.list"))["items"]) == 1


async def test_the_main_process_may_name_another_folder(desk: Desk, tmp_path: Path) -> None:
    await entrust(desk)
    elsewhere = str(tmp_path / "stick")

    given = {"targetDirectory": elsewhere}
    assert await refused(desk.client, "backups.create", **given) == "FORBIDDEN"
    job = await desk.run("backups.create", **given, _meta={"capability": CAPABILITY})

    assert job["state"] == "done"
    assert (tmp_path / "stick" / f"{ID}.db").is_file()
    assert await desk.list() == []


@pytest.mark.parametrize("channel", ["backups.create", "backups.verify"])
async def test_a_path_is_absolute(desk: Desk, channel: str) -> None:
    name = "targetDirectory" if channel == "backups.create" else "path"

    assert await refused(desk.client, channel, **{name: "relative"}) == "INVALID_PARAMS"


async def test_a_full_disk_is_the_end_of_the_job_and_leaves_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(desk.folder.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1))

    job = await desk.run("backups.create")

    assert (job["state"], job["error"]["code"]) == ("failed", "DISK_FULL")
    assert job["error"]["retryable"] is True
    assert await desk.list() == []


# verify


async def test_a_backup_that_was_made_is_found_restorable(desk: Desk) -> None:
    await desk.run("backups.create")

    job = await desk.run("backups.verify", backupId=ID)

    assert job["state"] == "done"
    assert job["result"].pop("counts")["branches"] == 1
    assert job["result"] == {
        "backupId": ID,
        "restorable": True,
        "integrity": "ok",
        "chainOk": True,
        "faults": [],
    }


async def test_a_backup_that_was_damaged_is_found_and_health_tells(desk: Desk) -> None:
    await desk.run("backups.create")
    file = desk.folder / f"{ID}.db"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)

    result = (await desk.run("backups.verify", backupId=ID))["result"]

    assert result["restorable"] is False
    assert result["faults"][0]["rule"] == "checksum"
    health = await desk.client.call("system.health")
    assert health["store"]["lastBackup"]["verdict"] == "damaged"


async def test_a_damaged_copy_elsewhere_says_nothing_of_the_store_s_own_backup(
    desk: Desk, tmp_path: Path
) -> None:
    await desk.run("backups.create")
    copy = tmp_path / "stick" / f"{ID}.db"
    copy.parent.mkdir()
    copy.write_bytes(b"half of it")

    for path in (copy, desk.folder / f"{ID}.json"):
        verified = await desk.run("backups.verify", path=str(path))
        assert verified["result"]["restorable"] is False

    health = await desk.client.call("system.health")
    assert health["store"]["lastBackup"]["verdict"] == "ok"


async def test_a_backup_elsewhere_is_looked_through_by_its_path(desk: Desk, tmp_path: Path) -> None:
    elsewhere = tmp_path / "stick"
    await desk.run("backups.create", targetDirectory=str(elsewhere))
    path = str(elsewhere / f"{ID}.db")

    assert (await desk.run("backups.verify", path=path))["result"]["restorable"] is True

    await entrust(desk)
    assert await refused(desk.client, "backups.verify", path=path) == "FORBIDDEN"


@pytest.mark.parametrize(
    ("which", "symbol"),
    [
        ({"backupId": "2020-01-01T00-00-00Z-daily"}, "NOT_FOUND"),
        ({"backupId": "../school"}, "INVALID_PARAMS"),
        ({}, "INVALID_PARAMS"),
        ({"backupId": ID, "path": "/x.db"}, "INVALID_PARAMS"),
        ({"path": "/"}, "INVALID_PARAMS"),
        ({"path": "/.."}, "INVALID_PARAMS"),
    ],
    ids=["unknown", "no id", "none", "two", "root", "dots"],
)
async def test_a_backup_that_is_not_named_well_is_refused(
    desk: Desk, which: dict[str, Any], symbol: str
) -> None:
    assert await refused(desk.client, "backups.verify", **which) == symbol


# restore


async def save(desk: Desk, name: str) -> None:
    """Change the school: add a branch."""
    await desk.client.call("branches.save", name=name, zone="UTC", currency="EUR")


async def branches(client: Client) -> list[str]:
    return [branch["name"] for branch in (await client.call("branches.list"))["items"]]


def replacing(key: str = "k", **given: Any) -> dict[str, Any]:
    """Return the params that replace the store by the first backup."""
    params = {"backupId": ID, "mode": "replace", "confirmPhrase": ID}
    return params | given | {"_meta": {"idempotencyKey": key}}


async def test_inspect_tells_what_would_come_back_and_changes_nothing(desk: Desk) -> None:
    made = (await desk.run("backups.create"))["result"]
    await save(desk, "Nord")
    before = await branches(desk.client)
    present = desk.app.store.head_seq

    params = {"backupId": ID, "mode": "inspect", "_meta": {"idempotencyKey": "k"}}
    job = await desk.run("backups.restore", **params)

    assert job["state"] == "done"
    assert job["result"].pop("counts")["branches"] == 1
    assert job["result"] == {
        "backupId": ID,
        "createdAt": "2026-11-23T08:00:00Z",
        "headSeq": made["headSeq"],
        "presentHeadSeq": present,
        "restoredToSeq": None,
        "safetyBackupId": None,
    }
    assert (await branches(desk.client), desk.app.store.head_seq) == (before, present)


async def test_replace_goes_back_to_the_backup_and_its_job_is_found_after_it(desk: Desk) -> None:
    made = (await desk.run("backups.create"))["result"]
    before = await branches(desk.client)
    await save(desk, "Nord")
    present = desk.app.store.head_seq

    job = await desk.run("backups.restore", **replacing())

    assert job["state"] == "done"
    safety = job["result"]["safetyBackupId"]
    assert job["result"] == {
        "backupId": ID,
        "createdAt": None,
        "counts": None,
        "headSeq": made["headSeq"],
        "presentHeadSeq": present,
        "restoredToSeq": made["headSeq"],
        "safetyBackupId": safety,
    }
    assert await branches(desk.client) == before
    assert safety in [entry["id"] for entry in await desk.list()]
    assert (await desk.client.call("audit.verify"))["ok"]
    [row, *_] = (await desk.client.call("audit.list"))["items"]
    assert (row["channel"], row["actor"]) == ("backups.restore", "local")
    assert {change["type"] for change in row["changes"]} == {"job"}


async def test_what_a_replace_took_away_is_in_its_safety_backup(desk: Desk) -> None:
    await desk.run("backups.create")
    await save(desk, "Nord")
    latest = await branches(desk.client)
    safety = (await desk.run("backups.restore", **replacing()))["result"]["safetyBackupId"]

    back = replacing("back", backupId=safety, confirmPhrase=safety)
    assert (await desk.run("backups.restore", **back))["state"] == "done"

    assert await branches(desk.client) == latest


async def test_a_replace_that_is_delivered_again_does_not_replace_again(desk: Desk) -> None:
    await desk.run("backups.create")
    job = await desk.run("backups.restore", **replacing())
    await save(desk, "Nord")
    after = await branches(desk.client)

    again = await desk.client.call_with_meta("backups.restore", replacing())

    assert again["jobId"] == job["id"]
    assert again["_meta"]["replayed"] is True
    assert await branches(desk.client) == after


async def test_what_ran_while_the_backup_was_made_has_failed_in_the_restored_store(
    desk: Desk,
) -> None:
    job = await desk.run("backups.create")

    await desk.run("backups.restore", **replacing())
    assert await desk.app.jobs.settle(5)

    told = await desk.client.call("jobs.get", jobId=job["id"])
    assert (told["state"], told["error"]["code"]) == ("failed", "OUTCOME_UNKNOWN")
    assert "or the store was restored, while it ran" in told["error"]["message"]
    assert (await desk.client.call("jobs.list", isOver=False))["items"] == []


async def test_subscribers_are_told_of_a_replace(desk: Desk) -> None:
    await desk.run("backups.create")
    await save(desk, "Nord")
    await desk.client.call("events.subscribe", types=["students.created"])

    job = await desk.run("backups.restore", **replacing())

    told = (await desk.client.next_line())["params"]
    assert told["type"] == "backups.restored"
    assert told["seq"] == job["result"]["restoredToSeq"] + 1


async def test_signed_in_subscribers_are_told_of_a_replace_and_sign_in_again(desk: Desk) -> None:
    owner = await signed_in(desk.app, Role.OWNER)
    office = await signed_in(desk.app, Role.OFFICE)
    desk.client = owner
    await desk.run("backups.create")
    await save(desk, "Nord")
    for client in (owner, office):
        await client.call("events.subscribe", types=["students.created"])

    job_id = await desk.begin("backups.restore", **replacing())
    await desk.app.jobs.ended(job_id)

    for client in (owner, office):
        assert (await client.next_line())["params"]["type"] == "backups.restored"
        assert await refused(client, "branches.list") == "SESSION_EXPIRED"


async def test_who_was_shut_out_since_the_backup_stays_so_after_a_replace(desk: Desk) -> None:
    owner = await signed_in(desk.app, Role.OWNER)
    office = await signed_in(desk.app, Role.OFFICE)
    user = (await office.call("auth.me"))["user"]
    desk.client = owner
    await desk.run("backups.create")
    shut_out = {"userId": user["id"], "login": user["login"], "roles": user["roles"]}
    await owner.call("users.save", **shut_out, status="disabled")

    job_id = await desk.begin("backups.restore", **replacing())
    await desk.app.jobs.ended(job_id)

    again = await sign_in(desk.app)
    [disabled] = (await again.call("users.list", status="disabled"))["items"]
    assert disabled["id"] == user["id"]
    assert (await again.call("audit.verify"))["ok"]


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"confirmPhrase": "yes"}, "confirmPhrase"),
        ({"confirmPhrase": None}, "confirmPhrase"),
        ({"_meta": {}}, "_meta.idempotencyKey"),
        ({"databaseKey": "short"}, "databaseKey"),
    ],
    ids=["other phrase", "no phrase", "no key", "no database key"],
)
async def test_a_replace_that_is_not_meant_is_refused(
    desk: Desk, given: dict[str, Any], path: str
) -> None:
    await desk.run("backups.create")

    with pytest.raises(CallFailedError) as failed:
        await desk.client.call("backups.restore", **replacing() | given)

    assert failed.value.symbol == "INVALID_PARAMS"
    assert failed.value.details is not None
    assert [error["path"] for error in failed.value.details["errors"]] == [path]


@pytest.mark.parametrize("mode", ["inspect", "replace"])
async def test_a_damaged_backup_is_never_restored(desk: Desk, mode: str) -> None:
    await desk.run("backups.create")
    await save(desk, "Nord")
    before = await branches(desk.client)
    file = desk.folder / f"{ID}.db"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)

    job = await desk.run("backups.restore", **replacing(mode=mode))

    assert (job["state"], job["error"]["code"]) == ("failed", "BACKUP_INVALID")
    assert "checksum" in job["error"]["details"]["faults"]
    assert await branches(desk.client) == before


async def test_only_the_main_process_restores(desk: Desk) -> None:
    await desk.run("backups.create")
    await entrust(desk)

    assert await refused(desk.client, "backups.restore", **replacing()) == "FORBIDDEN"


async def test_whoever_restores_gave_his_password_a_moment_ago_and_signs_in_anew(
    desk: Desk, clock: FrozenClock
) -> None:
    owner = await signed_in(desk.app, Role.OWNER)
    desk.client = owner
    await desk.run("backups.create")
    clock.advance(FRESH_SECONDS + 1)
    assert await refused(owner, "backups.restore", **replacing()) == "PASSWORD_REQUIRED"
    await log_in(owner)

    job_id = await desk.begin("backups.restore", **replacing())
    await desk.app.jobs.ended(job_id)

    assert await refused(owner, "jobs.get", jobId=job_id) == "SESSION_EXPIRED"
    again = await sign_in(desk.app)
    assert (await again.call("jobs.get", jobId=job_id))["state"] == "done"


async def test_a_backup_under_an_older_key_is_restored_with_that_key(
    tmp_path: Path, clock: FrozenClock
) -> None:
    old, new = "A" * 43, "B" * 42 + "A"
    async with running_app(tmp_path / "data", Surroundings(clock=clock)) as app:
        client = Client(app)
        await client.call(
            "initialize",
            protocolVersion=PROTOCOL_VERSION,
            client={"name": "tests", "version": "1"},
            databaseKey=old,
        )
        desk = Desk(app, client, tmp_path / "stick")
        await save(desk, "Mitte")
        await desk.run("backups.create", targetDirectory=str(desk.folder))
        await client.call("keys.rekey", newDatabaseKey=new)
        await save(desk, "Nord")
        wanted = replacing(backupId=None, path=str(desk.folder / f"{ID}.db"))

        job = await desk.run("backups.restore", **wanted)
        assert job["error"]["code"] == "BACKUP_INVALID"
        job = await desk.run("backups.restore", **replacing("2", **wanted | {"databaseKey": old}))

        assert job["state"] == "done"
        assert await branches(client) == ["Mitte"]
        # All of it is under the store's own key.
        assert (await client.call("system.health", deep=True))["store"]["integrity"] == "ok"
    async with running_app(tmp_path / "data", Surroundings(clock=clock)) as app:
        client = Client(app)
        await client.call(
            "initialize",
            protocolVersion=PROTOCOL_VERSION,
            client={"name": "tests", "version": "1"},
            databaseKey=new,
        )
        assert await branches(client) == ["Mitte"]


async def test_a_file_without_a_manifest_is_looked_through_and_its_name_told_nobody(
    desk: Desk, tmp_path: Path
) -> None:
    await desk.run("backups.create", targetDirectory=str(tmp_path))
    private = tmp_path / "Müller, private.db"
    (tmp_path / f"{ID}.db").rename(private)

    job = await desk.run("backups.verify", path=str(private))

    assert (job["state"], job["result"]["backupId"]) == ("done", None)
    ids = await desk.app.store.read(lambda work: work.tx.all("SELECT * FROM events"))
    assert "private" not in repr([dict(row) for row in ids])
