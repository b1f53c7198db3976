"""What the vehicles.* channels answer."""

import pytest

from rpcbackend.store import Store
from rpcbackend.testing import CallFailedError, Client
from tests.factories import School, an_id, save_branch, save_vehicle, told_of


async def test_a_new_vehicle_is_answered_whole_and_told_of(client: Client, store: Store) -> None:
    branch = await save_branch(client)

    saved = await save_vehicle(client, branch["id"], plate=" B-FS 7E ", transmission="automatic")

    assert saved == {
        "id": saved["id"],
        "branchId": branch["id"],
        "plate": "B-FS 7E",
        "make": "VW",
        "model": "Golf",
        "categories": ["B"],
        "transmission": "automatic",
        "state": "active",
        "version": 1,
    }
    aggregate = {"type": "vehicle", "id": saved["id"], "version": 1}
    data = {"vehicleId": saved["id"], "state": "active"}
    assert await told_of(store, 1) == [("vehicles.saved", aggregate, data)]


async def test_a_vehicle_goes_to_the_workshop_comes_back_and_retires(
    client: Client, store: Store
) -> None:
    branch = await save_branch(client)
    old = await save_vehicle(client, branch["id"])
    before = store.head_seq

    versions = [
        await save_vehicle(client, branch["id"], vehicleId=old["id"], state=state)
        for state in ("workshop", "active", "active", "retired")
    ]

    assert versions == [
        old | {"state": "workshop", "version": 2},
        old | {"version": 3},
        old | {"version": 4},
        old | {"state": "retired", "version": 5},
    ]
    assert [(event, data["state"]) for event, _, data in await told_of(store, before)] == [
        ("vehicles.saved", "workshop"),
        ("vehicles.saved", "active"),
        ("vehicles.saved", "active"),
        ("vehicles.retired", "retired"),
    ]


@pytest.mark.parametrize("state", ["active", "workshop"])
async def test_a_retired_vehicle_never_comes_back(client: Client, state: str) -> None:
    branch = await save_branch(client)
    old = await save_vehicle(client, branch["id"], state="retired")

    with pytest.raises(CallFailedError) as failed:
        await save_vehicle(client, branch["id"], vehicleId=old["id"], state=state)

    assert failed.value.symbol == "INVALID_TRANSITION"
    assert failed.value.details == {"from": "retired", "to": state, "allowed": []}
    assert await client.call("vehicles.list") == {"items": [old]}


async def test_a_vehicle_that_is_still_booked_cannot_retire(client: Client) -> None:
    school = await School(client).open()
    lesson = await school.book()

    with pytest.raises(CallFailedError) as failed:
        await save_vehicle(
            client, school.branch["id"], vehicleId=school.vehicle["id"], state="retired"
        )

    assert failed.value.symbol == "IN_USE"
    assert failed.value.details == {"referrers": [lesson["id"]]}


async def test_a_plate_belongs_to_one_vehicle_until_it_retires(client: Client) -> None:
    branch = await save_branch(client)
    first = await save_vehicle(client, branch["id"])

    with pytest.raises(CallFailedError) as failed:
        await save_vehicle(client, branch["id"])

    assert failed.value.symbol == "DUPLICATE"
    assert failed.value.details == {"candidates": [first["id"]]}

    retired = await save_vehicle(client, branch["id"], vehicleId=first["id"], state="retired")
    second = await save_vehicle(client, branch["id"])

    assert await client.call("vehicles.list") == {"items": [retired, second]}


async def test_vehicles_are_listed_by_plate_and_narrowed_by_branch_and_state(
    client: Client,
) -> None:
    north, south = [await save_branch(client, name=name) for name in ("Nord", "Süd")]
    b = await save_vehicle(client, north["id"], plate="B")
    a = await save_vehicle(client, south["id"], plate="A")
    c = await save_vehicle(client, north["id"], plate="C", state="workshop")

    assert await client.call("vehicles.list") == {"items": [a, b, c]}
    assert await client.call("vehicles.list", branchId=north["id"]) == {"items": [b, c]}
    assert await client.call("vehicles.list", state="workshop") == {"items": [c]}
    assert await client.call("vehicles.list", branchId=south["id"], state="workshop") == {
        "items": []
    }


async def test_a_vehicle_cannot_be_changed_by_who_saw_another_version(client: Client) -> None:
    branch = await save_branch(client)
    saved = await save_vehicle(client, branch["id"])

    with pytest.raises(CallFailedError) as failed:
        await save_vehicle(client, branch["id"], vehicleId=saved["id"], expectedVersion=2)

    assert failed.value.symbol == "VERSION_CONFLICT"
    assert failed.value.details == {"expected": 2, "current": 1}


@pytest.mark.parametrize("missing", ["branch", "vehicle"])
async def test_a_vehicle_needs_a_branch_and_its_own_record(client: Client, missing: str) -> None:
    branch_id = (await save_branch(client))["id"] if missing != "branch" else an_id("bra")
    given = {"vehicleId": an_id("veh")} if missing == "vehicle" else {}

    with pytest.raises(CallFailedError) as failed:
        await save_vehicle(client, branch_id, **given)

    assert failed.value.symbol == "NOT_FOUND"
    assert failed.value.details == {"entity": missing, "id": an_id(missing[:3])}
