"""What schedules.list, schedules.save and schedules.run answer."""

from typing import Any

import pytest

from rpcbackend.app import Application
from rpcbackend.schema.schedules import ScheduleName
from rpcbackend.testing import Client, FrozenClock
from tests.factories import at, make_branch
from tests.jobs.toys import until_over
from tests.people import refused

NOW = "2026-11-23T08:00:00Z"


def schedule(name: str, **given: Any) -> dict[str, Any]:
    """Return how the upkeep is told unless another is named."""
    fields: dict[str, Any] = {
        "name": name,
        "channel": "schedules.run",
        "cron": "30 3 * * *",
        "zone": None,
        "isEnabled": True,
        "waitsForUse": False,
        "nextAt": NOW,
        "lastAt": None,
        "lastJobId": None,
        "version": 1,
    }
    return fields | given


@pytest.mark.sqlite
async def test_list_tells_what_runs_by_itself_and_when(client: Client) -> None:
    assert await client.call("schedules.list") == {
        "items": [
            schedule("backup", channel="backups.create", cron="0 0 * * *", waitsForUse=True),
            schedule("upkeep"),
            schedule("check", cron="0 4 * * SUN"),
        ]
    }


async def test_save_changes_when_something_runs_from_now_on(
    app: Application, client: Client
) -> None:
    await client.call("events.subscribe")

    saved = await client.call("schedules.save", name="upkeep", cron="0 5 * * *", zone="Asia/Tokyo")

    assert saved == schedule(
        "upkeep",
        cron="0 5 * * *",
        zone="Asia/Tokyo",
        nextAt="2026-11-23T20:00:00Z",
        lastAt=NOW,
        version=2,
    )
    assert saved in (await client.call("schedules.list"))["items"]
    event = (await client.next_line())["params"]
    assert (event["type"], event["data"]) == ("schedules.saved", {"name": "upkeep"})
    assert app.store.head_seq == 1


async def test_save_without_an_expression_goes_back_to_the_program_s_own(client: Client) -> None:
    await client.call("schedules.save", name="upkeep", cron="0 5 * * *")

    saved = await client.call("schedules.save", name="upkeep", isEnabled=False)

    assert saved == schedule("upkeep", isEnabled=False, nextAt=None, lastAt=NOW, version=3)


async def test_the_zone_is_that_of_the_first_branch_unless_one_is_given(
    app: Application, client: Client
) -> None:
    branch = make_branch(zone="Europe/Berlin")
    await app.store.write(lambda work: work.branches.put(branch), actor="tests")

    saved = await client.call("schedules.save", name="check")

    assert saved["nextAt"] == "2026-11-29T03:00:00Z"


@pytest.mark.parametrize(
    ("params", "symbol"),
    [
        ({"name": "upkeep", "cron": "0 0 30 2 *"}, "INVALID_PARAMS"),
        ({"name": "upkeep", "cron": "0 0 0 * * *"}, "INVALID_PARAMS"),
        ({"name": "upkeep", "zone": "Europe/Atlantis"}, "ZONE_UNKNOWN"),
        ({"name": "upkeep", "expectedVersion": 2}, "VERSION_CONFLICT"),
        ({"name": "party"}, "INVALID_PARAMS"),
    ],
    ids=["never due", "seconds", "no such zone", "another version", "no such schedule"],
)
async def test_save_refuses_what_cannot_be(
    client: Client, params: dict[str, Any], symbol: str
) -> None:
    assert await refused(client, "schedules.save", **params) == symbol


async def test_run_removes_now_what_nobody_needs(
    app: Application, client: Client, clock: FrozenClock
) -> None:
    old = await client.call("schedules.run", name="upkeep")
    await until_over(app, old["jobId"])
    clock.advance(31 * 24 * 3600)

    started = await client.call("schedules.run", name="upkeep")

    job = await until_over(app, started["jobId"])
    assert job.result == {
        "name": "upkeep",
        # The first call's record goes when the second one begins.
        "removed": {"jobs": 0, "replies": 0, "reminders": 0, "messages": 0},
        "integrity": None,
        "problems": 0,
    }
    assert job.is_resumable
    assert await refused(client, "jobs.get", jobId=old["jobId"]) == "NOT_FOUND"


async def test_run_looks_through_the_store_now(app: Application, client: Client) -> None:
    started = await client.call("schedules.run", name="check")

    job = await until_over(app, started["jobId"])
    assert job.result == {"name": "check", "removed": {}, "integrity": "ok", "problems": 0}


async def test_a_backup_is_made_by_its_own_channel(client: Client) -> None:
    assert await refused(client, "schedules.run", name="backup") == "INVALID_PARAMS"


async def test_what_ran_by_itself_is_told(app: Application, client: Client) -> None:
    await client.call("schedules.save", name="upkeep")
    job = await app.scheduler.run(ScheduleName.UPKEEP)

    assert job is not None
    listed = (await client.call("schedules.list"))["items"]
    [upkeep] = [each for each in listed if each["name"] == "upkeep"]
    assert (upkeep["lastAt"], upkeep["lastJobId"]) == (NOW, job.id)
    assert at(upkeep["nextAt"]) == at("2026-11-24T03:30:00Z")
