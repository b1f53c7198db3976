"""What exports.start answers, and what its job leaves."""

import csv
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from rpcbackend import PROTOCOL_VERSION
from rpcbackend.app import Application
from rpcbackend.context import FRESH_SECONDS
from rpcbackend.schema.users import Role
from rpcbackend.store import Place, Work
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, FrozenClock, running_app
from tests.factories import School, create_student, keyed
from tests.people import be_quick, refused, signed_in
from tests.store.gate import Gate

CAPABILITY = "C" * 43


@dataclass
class Desk:
    """A school in a file, its main process, and a folder for what leaves it."""

    app: Application
    client: Client
    school: School
    out: Path

    async def export(self, client: Client | None = None, /, **given: Any) -> dict[str, Any]:
        """Export, wait for the job's end, and return how jobs.get tells it."""
        client = client or self.client
        started = await client.call("exports.start", **self.params(**given))
        await self.app.jobs.ended(started["jobId"])
        return await client.call("jobs.get", jobId=started["jobId"])

    def params(self, **given: Any) -> dict[str, Any]:
        """Params that export the students."""
        return {"kind": "students", "format": "csv", "path": str(self.out / "export")} | given

    def content(self) -> bytes:
        """Return what is in the file."""
        return (self.out / "export").read_bytes()


@pytest.fixture
async def desk(tmp_path: Path, clock: FrozenClock, place: Place | None) -> AsyncIterator[Desk]:
    bugs: list[Exception] = []
    surroundings = Surroundings(
        clock=clock, place=place, report_bug=lambda bug, _: bugs.append(bug)
    )
    (tmp_path / "out").mkdir()
    async with running_app(tmp_path / "data", surroundings) as app:
        client = Client(app)
        yield Desk(app, client, await School(client).open(), tmp_path / "out")
    if bugs:
        raise bugs[0]


async def test_an_export_is_a_job_that_leaves_a_file_an_event_and_rows_of_the_audit(
    desk: Desk,
) -> None:
    await create_student(desk.client, desk.school.branch["id"], familyName="=cmd|' /C calc'!A0")
    await desk.client.call("events.subscribe", types=["exports.ready"])

    job = await desk.export()

    assert (job["state"], job["result"]["rows"]) == ("done", 2)
    lines = list(csv.DictReader(desk.content().decode().splitlines()))
    assert sorted(line["familyName"] for line in lines) == ["'=cmd|' /C calc'!A0", "Byron"]
    event = (await desk.client.next_line())["params"]
    assert event["aggregate"] == {"type": "export", "id": job["id"], "version": 1}
    assert event["data"] == {"kind": "students", "format": "csv", "rows": 2}
    rows = (await desk.client.call("audit.list", entityId=job["id"]))["items"]
    assert [row["channel"] for row in rows] == ["exports.start"] * 2


async def test_one_goes_on_in_the_next_process_where_that_is_on_the_same_machine(
    desk: Desk,
) -> None:
    job = await desk.export()

    assert job["isResumable"] is not desk.app.store.engine.is_shared


@pytest.mark.parametrize("kind", ["students", "instructors", "vehicles", "lessons"])
async def test_an_export_in_json_is_what_the_list_tells(desk: Desk, kind: str) -> None:
    await desk.school.book()

    await desk.export(kind=kind, format="json")

    listed = await desk.client.call(f"{kind}.list")
    assert orjson.loads(desk.content()) == listed["items"]


async def test_lessons_and_the_audit_can_be_narrowed_to_a_span(
    desk: Desk, clock: FrozenClock
) -> None:
    early = await desk.school.book()
    await desk.school.book(startsAt="2026-11-25T09:00:00Z")
    clock.advance(1)
    await desk.school.book(startsAt="2026-11-26T09:00:00Z")

    await desk.export(kind="lessons", format="json", to="2026-11-25T00:00:00Z")
    lessons = orjson.loads(desk.content())
    (desk.out / "export").unlink()
    await desk.export(kind="audit", format="json", **{"from": "2026-11-23T08:00:01Z"})
    audit = orjson.loads(desk.content())

    assert lessons == [early]
    assert [row["channel"] for row in audit] == [
        "lessons.book",
        "exports.start",
        *["exports.start"] * 2,
    ]


@pytest.mark.parametrize(
    ("given", "errors"),
    [
        ({"path": "export"}, {"path": "absolute_path"}),
        ({"path": "/"}, {"path": "absolute_path"}),
        ({"from": "2026-11-23T08:00:01Z"}, {"from": "lessons_or_audit"}),
        (
            {"kind": "vehicles", "to": "2026-11-23T08:00:01Z", "path": "x"},
            {"path": "absolute_path", "to": "lessons_or_audit"},
        ),
        ({"format": "json", "byteOrderMark": True}, {"byteOrderMark": "csv"}),
        ({"format": "xlsx"}, {"format": "enum"}),
        ({"kind": "users"}, {"kind": "enum"}),
        ({"path": "/a\0b"}, {"path": "string_pattern_mismatch"}),
    ],
    ids=str,
)
async def test_what_does_not_fit_is_refused_before_a_job_begins(
    desk: Desk, given: dict[str, Any], errors: dict[str, str]
) -> None:
    with pytest.raises(CallFailedError) as failed:
        await desk.client.call("exports.start", **desk.params(**given))

    assert failed.value.symbol == "INVALID_PARAMS"
    assert failed.value.details is not None
    assert {one["path"]: one["rule"] for one in failed.value.details["errors"]} == errors
    assert (await desk.client.call("jobs.list"))["items"] == []


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("path", "symbol"),
    [
        ("{out}", "DUPLICATE"),
        ("{out}/nowhere/export", "FILE_REFUSED"),
        ("{data}/export", "FILE_REFUSED"),
        ("{out}/" + "x" * 300, "FILE_REFUSED"),
    ],
)
async def test_a_place_that_cannot_be_written_ends_the_job_and_is_never_quoted(
    desk: Desk, path: str, symbol: str
) -> None:
    place = path.format(out=desk.out, data=desk.app.store.directory)

    job = await desk.export(path=place)

    assert (job["state"], job["error"]["code"]) == ("failed", symbol)
    assert str(desk.out.parent) not in orjson.dumps(job).decode()
    assert list(desk.out.iterdir()) == []


async def test_an_export_that_is_delivered_twice_by_one_key_is_one_job(desk: Desk) -> None:
    params = desk.params(**keyed())
    first = await desk.client.call("exports.start", **params)
    await desk.app.jobs.ended(first["jobId"])

    assert await desk.client.call("exports.start", **params) == first
    assert len((await desk.client.call("jobs.list"))["items"]) == 1


async def test_a_dry_run_begins_nothing(desk: Desk) -> None:
    await desk.client.call("exports.start", **desk.params(_meta={"dryRun": True}))

    assert (await desk.client.call("jobs.list"))["items"] == []
    assert list(desk.out.iterdir()) == []


async def test_an_export_that_is_cancelled_leaves_no_file(desk: Desk) -> None:
    started = await desk.client.call("exports.start", **desk.params())

    assert await desk.client.call("jobs.cancel", jobId=started["jobId"]) == {"state": "cancelled"}

    await desk.app.jobs.ended(started["jobId"])
    assert list(desk.out.iterdir()) == []


@pytest.mark.parametrize("to", ["2026-11-24T09:00:00Z", "2026-11-24T08:59:59Z"])
async def test_a_span_that_runs_backwards_is_refused_as_everywhere(desk: Desk, to: str) -> None:
    span = {"kind": "lessons", "from": "2026-11-24T09:00:00Z", "to": to}

    with pytest.raises(CallFailedError) as failed:
        await desk.client.call("exports.start", **desk.params(**span))

    assert (failed.value.symbol, failed.value.details) == ("LIMIT_EXCEEDED", {"field": "to"})
    assert (await desk.client.call("jobs.list"))["items"] == []


@asynccontextmanager
async def whole_but_unnamed(
    desk: Desk, client: Client, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[str]:
    """Be where an export is written and has not its name yet, and let its job end then."""
    gate = Gate()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: gate.wait())
        started = await client.call("exports.start", **desk.params())
        await gate.entered()
    yield started["jobId"]
    gate.open()
    await desk.app.jobs.ended(started["jobId"])


async def test_an_export_that_is_cancelled_when_it_is_whole_leaves_no_file(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with whole_but_unnamed(desk, desk.client, monkeypatch) as job_id:
        cancelled = await desk.client.call("jobs.cancel", jobId=job_id)

    assert cancelled == {"state": "cancelled"}
    assert list(desk.out.iterdir()) == []


async def test_who_loses_his_role_while_the_file_is_written_is_given_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_quick(desk.app)
    client = await signed_in(desk.app, Role.ACCOUNTANT)

    async with whole_but_unnamed(desk, client, monkeypatch) as job_id:
        await take_role(desk)

    assert await code_of(desk, job_id) == "FORBIDDEN"
    assert list(desk.out.iterdir()) == []


async def test_only_the_main_process_names_a_file(desk: Desk) -> None:
    await desk.client.call(
        "initialize",
        protocolVersion=PROTOCOL_VERSION,
        client={"name": "tests", "version": "1"},
        capability=CAPABILITY,
    )

    assert await refused(desk.client, "exports.start", **desk.params()) == "FORBIDDEN"
    job = await desk.export(_meta={"capability": CAPABILITY})
    assert job["state"] == "done"


@pytest.mark.parametrize("role", [Role.OWNER, Role.ACCOUNTANT])
async def test_who_takes_all_records_away_gave_his_password_a_short_time_ago(
    desk: Desk, clock: FrozenClock, role: Role
) -> None:
    be_quick(desk.app)
    client = await signed_in(desk.app, role)
    assert (await desk.export(client))["state"] == "done"
    clock.advance(FRESH_SECONDS + 1)

    assert await refused(client, "exports.start", **desk.params()) == "PASSWORD_REQUIRED"


@pytest.mark.sqlite
async def test_who_loses_his_role_before_the_job_begins_is_given_nothing(desk: Desk) -> None:
    be_quick(desk.app)
    client = await signed_in(desk.app, Role.ACCOUNTANT)
    blocking = await desk.app.store.sqlite.alone.acquire()
    first = await client.call("exports.start", **desk.params(path=str(desk.out / "first")))
    second = await client.call("exports.start", **desk.params())

    await take_role(desk)
    assert blocking
    desk.app.store.sqlite.alone.release()
    for started in (first, second):
        await desk.app.jobs.ended(started["jobId"])

    assert await code_of(desk, second["jobId"]) == "FORBIDDEN"
    assert list(desk.out.iterdir()) == []


async def take_role(desk: Desk) -> None:
    """Make a student of the only user."""

    async def unit(work: Work) -> None:
        (row,) = await work.tx.all("SELECT id FROM users WHERE school_id = :school")
        user = await work.users.get(row["id"])
        assert user is not None
        await work.users.put(user.model_copy(update={"roles": [Role.STUDENT]}))

    await desk.app.store.write(unit, actor="tests")


async def code_of(desk: Desk, job_id: str) -> str:
    """Return why a job failed."""
    job = await desk.app.store.read(lambda work: work.jobs.get(job_id))
    assert job is not None
    assert job.error is not None
    return job.error.code
