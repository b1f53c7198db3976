"""Calls that were under way together come again in an order that explains what all of them saw."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from rpcbackend.testing import FrozenClock
from tests.clauses import clause
from tests.factories import School, save_branch
from tests.properties.desk import STEPS, Desk, Step
from tests.transcripts.desks import (
    DAY,
    NAME,
    all_of,
    assert_same,
    recorded,
    replayed,
    spoil,
)


@clause("transcript-replays")
async def test_calls_that_overlapped_come_again_in_an_order_that_explains_them(
    tmp_path: Path,
) -> None:
    async with recorded(tmp_path) as client:
        school = School(client)
        await school.open()
        await client.call("events.subscribe")
        fields = {"branchId": school.branch["id"], "familyName": "B", "bornOn": "2001-01-01"}
        for turn in range(5):
            await all_of(
                client,
                *(("students.create", {**fields, "givenName": f"A{n}"}) for n in range(turn)),
                *((channel, {}) for channel in ("students.list", "audit.list", "system.health")),
                *(("lessons.book", school.booking()) for _ in range(3)),
                ("students.update", {"studentId": school.student["id"], "givenName": f"U{turn}"}),
                *(("students.list", {}), ("calendar.view", DAY | {"resourceTypes": ["student"]})),
            )

    outcome = await replayed(tmp_path)

    assert_same(outcome)
    assert outcome.overlapped > 30


@pytest.mark.parametrize(("claimed", "differences"), [(3, 0), (1, 1)])
async def test_a_command_that_overlapped_may_claim_what_others_did_and_no_less(
    tmp_path: Path, claimed: int, differences: int
) -> None:
    branch = {"zone": "UTC", "currency": "EUR"}
    async with recorded(tmp_path) as client:
        await save_branch(client)
        await all_of(client, *(("branches.save", branch | {"name": name}) for name in "AB"))
    spoil(tmp_path, lambda text: text.replace('"seq":2', f'"seq":{claimed}'))

    assert (await replayed(tmp_path)).count == differences


@clause("transcript-replays")
async def test_batches_come_again_element_by_element(tmp_path: Path) -> None:
    async with recorded(tmp_path) as client:
        school = School(client)
        await school.open()
        fields = {"branchId": school.branch["id"], "familyName": "B", "bornOn": "2001-01-01"}
        calls = [
            ("students.create", {**fields, "givenName": "Zoe"}),
            ("students.list", {}),
            ("students.update", {"studentId": school.student["id"], "givenName": "Eva"}),
            ("audit.list", {}),
            ("nobody.knows", {}),
        ]
        batch = [
            {"jsonrpc": "2.0", "id": number, "method": channel, "params": params}
            for number, (channel, params) in enumerate(calls * 4)
        ]
        await client.raw(orjson.dumps([*batch, {"jsonrpc": "2.0", "method": "ping"}, 7]))

    assert_same(await replayed(tmp_path), compared=4 + len(batch) + 1)


@clause("transcript-replays")
@settings(max_examples=8)
@given(steps=STEPS, at_once=some.integers(1, 6))
def test_whatever_a_desk_does_comes_again(steps: list[Step], at_once: int) -> None:
    async def play() -> None:
        with TemporaryDirectory() as name:
            folder = Path(name)
            async with recorded(folder, FrozenClock()) as client:
                school = School(client)
                await school.open()
                desk = Desk(client, school)
                for first in range(0, len(steps), at_once):
                    calls = [desk.run(step) for step in steps[first : first + at_once]]
                    await asyncio.gather(*calls, client.start("students.list", {}))
            assert_same(await replayed(folder))

    asyncio.run(play())


@pytest.mark.parametrize("claimed", ["0", "1", "null", "true", '"1"'])
async def test_a_query_that_was_alone_claims_what_it_has_seen(tmp_path: Path, claimed: str) -> None:
    async with recorded(tmp_path) as client:
        await save_branch(client)
        await save_branch(client)
        await client.call("branches.list")
    lines = (tmp_path / NAME).read_text(encoding="utf-8").splitlines(keepends=True)
    lines[-1] = lines[-1].replace('"seq":2', f'"seq":{claimed}')
    spoil(tmp_path, lambda _: "".join(lines))

    outcome = await replayed(tmp_path)

    assert [each.path for each in outcome.differences] == ["result._meta.seq"]


async def test_a_query_beside_others_may_claim_less_and_that_is_counted(tmp_path: Path) -> None:
    async with recorded(tmp_path) as client:
        await save_branch(client)
        await all_of(client, ("branches.list", {}), ("branches.list", {}))
    lines = (tmp_path / NAME).read_text(encoding="utf-8").splitlines(keepends=True)
    spoil(tmp_path, lambda _: "".join([*lines[:-1], lines[-1].replace('"seq":1', '"seq":0')]))

    outcome = await replayed(tmp_path)

    assert_same(outcome)
    assert outcome.claims == 1


async def test_a_command_without_id_may_be_seen_by_a_query_behind_it_or_not(
    tmp_path: Path,
) -> None:
    async with recorded(tmp_path) as client:
        await School(client).open()
        await client.call("events.subscribe")
        for number in range(20):
            params = {"name": f"{number}", "zone": "UTC", "currency": "EUR"}
            silent = {"jsonrpc": "2.0", "method": "branches.save", "params": params}
            client.server.receive(orjson.dumps(silent))
            await all_of(
                client,
                ("branches.list", {}),
                ("branches.save", {"name": "x", "zone": "UTC", "currency": "EUR"}),
                ("branches.list", {}),
            )
        for _ in range(40):
            await client.next_line()

    assert_same(await replayed(tmp_path))
