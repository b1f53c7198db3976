"""What the jobs.* channels answer."""

import asyncio
from typing import Any

import pytest

from rpcbackend.app import Application
from rpcbackend.running import Running
from rpcbackend.schema.jobs import JobState
from rpcbackend.schema.users import Role
from rpcbackend.testing import CallFailedError, Client, FrozenClock
from tests.factories import an_id, at
from tests.jobs.toys import Play, make_job, until_over
from tests.people import app_for_people, refused, signed_in

NOW = "2026-11-23T08:00:00Z"


def shown(play: Play, **given: Any) -> dict[str, Any]:
    """Return how a toy looks that runs, unless its state is given too."""
    fields: dict[str, Any] = {
        "id": play.job.id,
        "channel": "toys.play",
        "state": "running",
        "actor": "local",
        "isResumable": False,
        "attempts": 1,
        "done": 0,
        "total": 1,
        "message": "begins",
        "result": None,
        "error": None,
        "createdAt": NOW,
        "startedAt": NOW,
        "endedAt": None,
    }
    return fields | given


async def test_get_tells_how_far_a_job_is_and_then_its_result(
    app: Application, client: Client
) -> None:
    play = Play()
    await play.start(app)
    await play.until_begun()

    assert await client.call("jobs.get", jobId=play.job.id) == shown(play)

    play.may_end.set()
    await until_over(app, play.job.id)
    assert await client.call("jobs.get", jobId=play.job.id) == shown(
        play, state="done", done=1, result={"word": "played"}, endedAt=NOW
    )


@pytest.mark.parametrize("channel", ["jobs.get", "jobs.list"])
async def test_a_job_that_ends_while_its_record_is_on_its_way_has_not_failed(
    app: Application, client: Client, monkeypatch: pytest.MonkeyPatch, channel: str
) -> None:
    play = Play()
    await play.start(app)
    await play.until_begun()
    read = app.store.read

    async def read_and_end(unit: Any, **how: Any) -> Any:
        answer = await read(unit, **how)
        monkeypatch.undo()
        play.may_end.set()
        await until_over(app, play.job.id)
        return answer

    monkeypatch.setattr(app.store, "read", read_and_end)
    # As if it had been asked for before it began to run here.
    monkeypatch.setattr(app.jobs, "find", lambda _: None)
    params = {"jobId": play.job.id} if channel == "jobs.get" else {}

    told = await client.call(channel, **params)

    assert (told["items"][0] if "items" in told else told)["state"] == "done"


async def test_list_tells_a_window_that_restarts_what_runs(
    app: Application, client: Client
) -> None:
    play = Play(2)
    over = make_job(1, state=JobState.CANCELLED, ended_at=at(NOW))
    await app.store.write(lambda work: work.jobs.put(over), actor="tests")
    await play.start(app)
    await play.until_begun()

    assert await client.call("jobs.list", isOver=False) == {"items": [shown(play)]}
    everything = await client.call("jobs.list")
    assert [job["id"] for job in everything["items"]] == [play.job.id, over.id]
    play.may_end.set()


async def test_a_job_that_is_cancelled_has_one_time_of_its_end(
    app: Application, client: Client, clock: FrozenClock
) -> None:
    play, may_stop = Play(), asyncio.Event()

    async def stop_slowly(_: Running) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await may_stop.wait()

    play.before_end = stop_slowly
    play.may_end.set()
    await play.start(app)
    await play.until_begun()
    clock.advance(0.75)

    await client.call("jobs.cancel", jobId=play.job.id)

    assert (await client.call("jobs.get", jobId=play.job.id))["endedAt"] == NOW
    may_stop.set()
    assert (await until_over(app, play.job.id)).ended_at == at(NOW)


async def test_cancel_ends_a_job_tells_why_and_leaves_a_row_of_the_audit(
    app: Application, client: Client
) -> None:
    play = Play()
    await play.start(app)
    await play.until_begun()
    await client.call("events.subscribe", types=["jobs.cancelled"])

    assert await client.call("jobs.cancel", jobId=play.job.id) == {"state": "cancelled"}

    assert (await until_over(app, play.job.id)).state is JobState.CANCELLED
    cancelled = await client.call("jobs.get", jobId=play.job.id)
    assert cancelled == shown(play, state="cancelled", endedAt=NOW)
    event = await client.next_line()
    assert event["params"]["aggregate"] == {"type": "job", "id": play.job.id, "version": 1}
    assert event["params"]["data"] == {"channel": "toys.play"}
    rows = (await client.call("audit.list", entityId=play.job.id))["items"]
    assert [row["channel"] for row in rows] == ["jobs.cancel"]


async def test_a_job_is_told_as_cancelled_from_the_answer_on_however_long_its_work_takes_to_stop(
    app: Application, client: Client
) -> None:
    play, stopping, may_stop = Play(), asyncio.Event(), asyncio.Event()

    async def stop_slowly(_: Running) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopping.set()
            await may_stop.wait()

    play.before_end = stop_slowly
    play.may_end.set()
    await play.start(app)
    await play.until_begun()

    for _ in range(2):
        assert await client.call("jobs.cancel", jobId=play.job.id) == {"state": "cancelled"}
        async with asyncio.timeout(30):
            await stopping.wait()
        assert app.jobs.find(play.job.id) is not None
        told = await client.call("jobs.get", jobId=play.job.id)
        assert (told["state"], told["endedAt"]) == ("cancelled", NOW)

    may_stop.set()
    assert (await until_over(app, play.job.id)).state is JobState.CANCELLED


async def test_cancelling_again_answers_the_same_and_tells_nobody_again(
    app: Application, client: Client
) -> None:
    play = Play()
    await play.start(app)

    for _ in range(2):
        assert await client.call("jobs.cancel", jobId=play.job.id) == {"state": "cancelled"}
        await until_over(app, play.job.id)

    assert app.store.head_seq == 1


async def test_a_dry_run_of_cancel_stops_nothing(app: Application, client: Client) -> None:
    play = Play()
    await play.start(app)
    await play.until_begun()

    await client.call("jobs.cancel", jobId=play.job.id, _meta={"dryRun": True})

    play.may_end.set()
    assert (await until_over(app, play.job.id)).state is JobState.DONE


async def test_a_job_that_is_over_cannot_be_cancelled(app: Application, client: Client) -> None:
    play = Play()
    play.may_end.set()
    await play.start(app)
    await until_over(app, play.job.id)

    with pytest.raises(CallFailedError) as failed:
        await client.call("jobs.cancel", jobId=play.job.id)

    assert failed.value.symbol == "INVALID_TRANSITION"
    assert failed.value.details == {"from": "done", "to": "cancelled", "allowed": []}


@pytest.mark.parametrize("channel", ["jobs.get", "jobs.cancel"])
async def test_a_job_that_there_is_not_is_not_found(client: Client, channel: str) -> None:
    assert await refused(client, channel, jobId=an_id("job")) == "NOT_FOUND"


async def test_a_job_is_its_maker_s_and_the_owner_s_and_nobody_else_s(clock: FrozenClock) -> None:
    async with app_for_people(clock) as app:
        owner = await signed_in(app, Role.OWNER)
        office = await signed_in(app, Role.OFFICE)
        other = await signed_in(app, Role.ACCOUNTANT)
        play = Play(actor=(await office.call("auth.me"))["user"]["id"])
        await play.start(app)
        await play.until_begun()

        for client in (owner, office):
            assert (await client.call("jobs.get", jobId=play.job.id))["id"] == play.job.id
            assert len((await client.call("jobs.list"))["items"]) == 1
        for channel in ("jobs.get", "jobs.cancel"):
            assert await refused(other, channel, jobId=play.job.id) == "NOT_FOUND"
        assert (await other.call("jobs.list"))["items"] == []
        assert (await owner.call("jobs.cancel", jobId=play.job.id))["state"] == "cancelled"
