"""What the branches.* channels answer."""

import pytest

from rpcbackend.store import Store
from rpcbackend.testing import CallFailedError, Client
from tests.factories import an_id, events_in, save_branch, told_of


async def test_a_new_branch_is_answered_whole_and_told_of(client: Client, store: Store) -> None:
    saved = await client.call(
        "branches.save", name="  Mitte ", zone="Europe/Berlin", currency="EUR", address="Am Markt 1"
    )

    assert saved == {
        "id": saved["id"],
        "name": "Mitte",
        "address": "Am Markt 1",
        "zone": "Europe/Berlin",
        "currency": "EUR",
        "language": "de",
        "quietFrom": "21:00",
        "quietUntil": "08:00",
        "reminderMinutes": 1_440,
        "isActive": True,
        "version": 1,
    }
    assert await events_in(store) == [
        {
            "seq": 1,
            "id": (await events_in(store))[0]["id"],
            "type": "branches.saved",
            "at": "2026-11-23T08:00:00.000Z",
            "actor": "local",
            "aggregate": {"type": "branch", "id": saved["id"], "version": 1},
            "data": {"branchId": saved["id"]},
        }
    ]


async def test_saving_with_an_id_replaces_the_branch_and_raises_its_version(
    client: Client, store: Store
) -> None:
    old = await save_branch(client, address="Am Markt 1")

    new = await save_branch(client, branchId=old["id"], name="Nord", isActive=False)

    assert new == old | {"name": "Nord", "address": None, "isActive": False, "version": 2}
    assert await client.call("branches.list") == {"items": [new]}
    aggregate = {"type": "branch", "id": old["id"], "version": 2}
    assert await told_of(store, 1) == [("branches.saved", aggregate, {"branchId": old["id"]})]


async def test_how_a_branch_writes_to_people_stays_unless_it_is_said(client: Client) -> None:
    habits = {
        "language": "en",
        "quietFrom": "22:30",
        "quietUntil": "07:00",
        "reminderMinutes": 0,
    }
    old = await save_branch(client, **habits)

    new = await save_branch(client, branchId=old["id"], quietUntil="09:00")

    assert {name: old[name] for name in habits} == habits
    assert {name: new[name] for name in habits} == habits | {"quietUntil": "09:00"}


async def test_branches_are_listed_by_name(client: Client) -> None:
    saved = [await save_branch(client, name=name) for name in ("Süd", "Mitte", "Nord")]

    assert await client.call("branches.list") == {"items": [saved[1], saved[2], saved[0]]}


async def test_a_branch_cannot_be_changed_by_who_saw_another_version(client: Client) -> None:
    branch = await save_branch(client)
    await save_branch(client, branchId=branch["id"], expectedVersion=1)

    with pytest.raises(CallFailedError) as failed:
        await save_branch(client, branchId=branch["id"], expectedVersion=1)

    assert failed.value.symbol == "VERSION_CONFLICT"
    assert failed.value.details == {"expected": 1, "current": 2}


async def test_a_branch_that_is_not_there_cannot_be_changed(client: Client, store: Store) -> None:
    with pytest.raises(CallFailedError) as failed:
        await save_branch(client, branchId=an_id("bra"))

    assert failed.value.symbol == "NOT_FOUND"
    assert failed.value.details == {"entity": "branch", "id": an_id("bra")}
    assert await events_in(store) == []


@pytest.mark.parametrize(
    "zone", ["Europe/Atlantis", "Europe", "/etc/localtime", "localtime", "right/Europe/Berlin"]
)
async def test_a_zone_that_the_world_does_not_know_is_refused(client: Client, zone: str) -> None:
    with pytest.raises(CallFailedError) as failed:
        await save_branch(client, zone=zone)

    assert failed.value.symbol == "ZONE_UNKNOWN"
    assert await client.call("branches.list") == {"items": []}
