"""What the channels answer where a server keeps the database, and no file is ours."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from rpcbackend.contract.shipped import read_contract
from rpcbackend.methods import build_registry
from rpcbackend.mirror.openapi_examples import params_examples
from rpcbackend.store import Place
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, FrozenClock, running_app
from tests.factories import School
from tests.methods.commands import EXAMPLES, Stage
from tests.people import be_quick

pytestmark = pytest.mark.postgresql

METHODS = {method.channel: method for method in build_registry()}
OF_FILES = {
    "backups.create",
    "backups.list",
    "backups.restore",
    "backups.verify",
    "keys.rekey",
}
SCHEMAS = orjson.loads(read_contract())["components"]["schemas"]


@asynccontextmanager
async def open_stage(place: Place, clock: FrozenClock) -> AsyncIterator[Stage]:
    bugs: list[Exception] = []
    surroundings = Surroundings(
        clock=clock, place=place, report_bug=lambda bug, _: bugs.append(bug)
    )
    async with running_app(surroundings=surroundings) as app:
        await app.open_store()
        be_quick(app)
        client = Client(app)
        yield Stage(app, client, await School(client).open())
    assert bugs == []


async def params_of(channel: str, stage: Stage) -> dict[str, Any]:
    if channel in EXAMPLES:
        return await EXAMPLES[channel](stage)
    examples = params_examples(METHODS[channel], SCHEMAS)
    params: dict[str, Any] = next(iter(examples.values()))["value"]
    return params


async def outcome_of(stage: Stage, channel: str) -> str:
    """Call a channel, let the job end that it began, and return how it ended."""
    try:
        answer = await stage.client.call(channel, **await params_of(channel, stage))
    except CallFailedError as failed:
        return failed.symbol
    if METHODS[channel].kind != "job":
        return "ok"
    await stage.app.jobs.settle(10)
    job = await stage.client.call("jobs.get", jobId=answer["jobId"])
    return job["error"]["code"] if job["error"] else "ok"


@pytest.mark.parametrize("channel", sorted(METHODS))
async def test_every_channel_answers_or_says_that_it_is_the_servers_affair(
    place: Place, clock: FrozenClock, channel: str
) -> None:
    async with open_stage(place, clock) as stage:
        outcome = await outcome_of(stage, channel)

    if channel in OF_FILES:
        assert outcome == "SERVER_DATABASE"
    else:
        # What the smallest params name may be nowhere, and a folder of the examples is not there.
        assert outcome in {"ok", "NOT_FOUND", "FILE_REFUSED"}


async def test_whoever_asks_for_a_backup_is_told_what_makes_one_there(
    place: Place, clock: FrozenClock
) -> None:
    async with open_stage(place, clock) as stage:
        with pytest.raises(CallFailedError, match="pg_dump, a standby or the provider's backups"):
            await stage.client.call("backups.create")
        with pytest.raises(CallFailedError, match="encrypt the server's disk"):
            await stage.client.call("keys.rekey", newDatabaseKey="B" * 42 + "A")
        assert (await stage.client.call("jobs.list"))["items"] == []


async def test_no_backup_is_due_and_none_can_be_made_so(place: Place, clock: FrozenClock) -> None:
    async with open_stage(place, clock) as stage:
        listed = await stage.client.call("schedules.list")
        with pytest.raises(CallFailedError, match="SERVER_DATABASE"):
            await stage.client.call("schedules.save", name="backup", isEnabled=True)

    assert [each["name"] for each in listed["items"]] == ["upkeep", "check"]


async def test_nothing_is_told_of_a_disk_that_the_database_is_not_on(
    place: Place, clock: FrozenClock
) -> None:
    async with open_stage(place, clock) as stage:
        health = await stage.client.call("system.health")
        metrics = await stage.client.call("system.metrics")
        text = await stage.app.monitor.prometheus()

    for figures in (health["store"], metrics["metrics"]["store"]):
        assert figures["databaseBytes"] is figures["walBytes"] is figures["diskFreeBytes"] is None
    assert "database_bytes" not in text
    assert "disk_free_bytes" not in text
