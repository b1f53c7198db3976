"""A job goes on by the `resume` of its channel, for whoever may still begin it."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from rpcbackend.app import Application
from rpcbackend.jobs.resuming import MAX_ATTEMPTS, Resuming
from rpcbackend.methods import build_registry
from rpcbackend.rpc_error import RpcError
from rpcbackend.schema.exports import StartExport
from rpcbackend.schema.jobs import Job, JobState
from rpcbackend.schema.users import Role, UserStatus
from rpcbackend.security.principal import LOCAL
from rpcbackend.store import LeftJob, Work
from rpcbackend.testing import Client, FrozenClock, running_app
from tests.factories import School, at
from tests.jobs.toys import make_job, recorded, until_over
from tests.people import add_role, app_for_people, sign_in


def left_by(actor: str = "local", session_id: str | None = None, **given: Any) -> LeftJob:
    """Return an export as a process leaves it that dies."""
    job = make_job(
        channel="exports.start",
        actor=actor,
        state=JobState.RUNNING,
        is_resumable=True,
        attempts=1,
        started_at=at("2026-11-23T08:00:00Z"),
    )
    fields: dict[str, Any] = {
        "job": job,
        "lease": 1,
        "is_sealed": False,
        "session_id": session_id,
        "params": b'{"kind":"students","format":"csv","path":"/nowhere/students.csv"}',
        "checkpoint": None,
    }
    return LeftJob(**fields | given)


@pytest.fixture
def resuming(app: Application) -> Resuming:
    return Resuming(app, build_registry())


def test_a_job_waits_for_its_turn_again_under_its_old_name(resuming: Resuming) -> None:
    left = left_by()

    order = resuming.order(left)

    assert order is not None
    assert (order.left, order.job.id) == (left, left.job.id)
    assert (order.job.state, order.job.attempts) == (JobState.QUEUED, 1)


@pytest.mark.parametrize(
    "left",
    [
        left_by(params=None),
        left_by(params=b'{"kind":"dragons"}'),
        left_by(job=make_job(channel="exports.gone", is_resumable=True)),
        left_by(job=make_job(channel="backups.create", is_resumable=True)),
        left_by(job=make_job(channel="exports.start", attempts=MAX_ATTEMPTS)),
    ],
    ids=["nothing kept", "other params", "no such channel", "not resumable", "too often"],
)
def test_what_cannot_go_on_has_failed(resuming: Resuming, left: LeftJob) -> None:
    assert resuming.order(left) is None


def test_what_changes_the_whole_store_is_never_gone_on_with() -> None:
    resumable = {method.channel for method in build_registry() if method.resume is not None}

    assert resumable == {"exports.start", "schedules.run"}


# Who may


@pytest.fixture
async def people(clock: FrozenClock) -> AsyncIterator[Application]:
    async with app_for_people(clock) as app:
        yield app


async def refusal(app: Application, left: LeftJob) -> str | None:
    """Return why the job may not go on, or None if it may."""
    order = Resuming(app, build_registry()).order(left)
    assert order is not None
    try:
        await app.store.read(order.confirm)
    except RpcError as error:
        return error.symbol
    return None


async def test_the_desk_may_until_there_is_a_user(people: Application) -> None:
    assert await refusal(people, left_by(LOCAL.actor)) is None

    await add_role(people, Role.OFFICE)

    assert await refusal(people, left_by(LOCAL.actor)) == "UNAUTHENTICATED"


async def test_a_user_may_while_his_session_lives_and_his_role_allows_it(
    people: Application,
) -> None:
    user = await add_role(people, Role.ACCOUNTANT)
    await sign_in(people, Role.ACCOUNTANT.value)
    row = await people.store.read(
        lambda work: work.tx.one("SELECT id FROM sessions WHERE school_id = :school")
    )
    assert row is not None
    left = left_by(user.id, row["id"])

    assert await refusal(people, left) is None
    assert await refusal(people, left_by(user.id)) == "SESSION_EXPIRED"
    assert await refusal(people, replace(left, session_id="ses_gone")) == "SESSION_EXPIRED"

    await change(people, user.model_copy(update={"roles": [Role.OFFICE]}))
    assert await refusal(people, left) == "FORBIDDEN"
    await change(people, user.model_copy(update={"status": UserStatus.DISABLED}))
    assert await refusal(people, left) == "SESSION_EXPIRED"


async def change(app: Application, user: Any) -> None:
    await app.store.write(lambda work: work.users.put(user), actor="tests")


async def test_an_api_key_that_is_gone_may_not(people: Application) -> None:
    assert await refusal(people, left_by("key_gone")) == "SESSION_EXPIRED"


async def test_of_what_the_program_began_nobody_s_right_decides(people: Application) -> None:
    await add_role(people, Role.OFFICE)

    assert await refusal(people, left_by("schedule")) is None


# An export, wherever its process died


WHOLE = b"[\n]\n"
MADE = {
    "rows": 0,
    "bytes": len(WHOLE),
    "sha256": hashlib.sha256(WHOLE).hexdigest(),
    "headSeq": 1,
}


async def begun(directory: Path, path: Path, made: dict[str, Any] | None = None) -> Job:
    """Leave an export as a process does that dies: before it writes, or when it is sealed."""
    params = {"kind": "students", "format": "json", "path": str(path)}
    job = make_job(channel="exports.start", is_resumable=True)
    async with running_app(directory) as app:
        await School(Client(app)).open()

        async def leave(work: Work) -> None:
            await work.jobs.begin(job, StartExport.model_validate(params), None)
            if made is not None:
                await work.jobs.keep(job.id, made, is_sealed=True)

        await app.store.write(leave, actor="tests")
    return job


async def ended(directory: Path, job: Job) -> tuple[Job, int]:
    """Let a process go on with it; return its end and how many events tell of the file."""
    async with running_app(directory) as app:
        await app.jobs.settle(5)
        await until_over(app, job.id)
        row = await app.store.read(
            lambda work: work.tx.one(
                "SELECT count(*) FROM events WHERE school_id = :school AND type = 'exports.ready'"
            )
        )
        assert row is not None
        return await recorded(app, job.id), row[0]


@pytest.mark.parametrize("has_part", [False, True], ids=["before", "while"])
async def test_an_export_that_was_not_whole_is_written_anew(
    tmp_path: Path, *, has_part: bool
) -> None:
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / "students.json"
    job = await begun(tmp_path / "data", path)
    if has_part:
        (tmp_path / "out" / f".{job.id}.part").write_bytes(b"[\n{")

    over, events = await ended(tmp_path / "data", job)

    assert (over.state, events) == (JobState.DONE, 1)
    assert over.result is not None
    assert over.result["rows"] == len(orjson.loads(path.read_bytes()))
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("is_named", [False, True], ids=["before its name", "after"])
async def test_an_export_that_was_whole_is_the_one_that_is_told_of(
    tmp_path: Path, *, is_named: bool
) -> None:
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / "students.json"
    job = await begun(tmp_path / "data", path, made=MADE)
    (path if is_named else path.with_name(f".{job.id}.part")).write_bytes(WHOLE)

    over, events = await ended(tmp_path / "data", job)

    assert (over.state, over.result, events) == (JobState.DONE, MADE, 1)
    assert path.read_bytes() == WHOLE
    assert [each.name for each in path.parent.iterdir()] == [path.name]


async def test_an_export_whose_name_somebody_took_meanwhile_has_failed(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / "students.json"
    job = await begun(tmp_path / "data", path, made=MADE)
    path.with_name(f".{job.id}.part").write_bytes(WHOLE)
    path.write_bytes(b"mine")

    over, events = await ended(tmp_path / "data", job)

    assert over.error is not None
    assert (over.error.code, events) == ("DUPLICATE", 0)
    assert path.read_bytes() == b"mine"
