"""The vehicles as rows."""

import pytest

from rpcbackend.errors import DuplicateError, NotFoundError
from rpcbackend.schema.vehicles import ListVehicles, VehiclePage, VehicleState
from rpcbackend.store import Store, Work
from rpcbackend.store.driver import IntegrityError
from tests.factories import an_id, make_branch, make_vehicle


async def put(store: Store, *vehicles: object) -> None:
    async def unit(work: Work) -> None:
        await work.branches.put(make_branch())
        for vehicle in vehicles:
            await work.vehicles.put(vehicle)  # type: ignore[arg-type]  # made by the factory

    await store.write(unit, actor="tests")


async def test_vehicles_come_by_plate_and_fit_branch_and_state(store: Store) -> None:
    b = make_vehicle(id=an_id("veh", 1), plate="B")
    a = make_vehicle(id=an_id("veh", 2), plate="A", state=VehicleState.WORKSHOP)
    await put(store, b, a)

    async def unit(work: Work) -> list[bytes]:
        return [
            (await work.vehicles.list(ListVehicles.model_validate(wanted))).json
            for wanted in ({}, {"state": "active"}, {"branchId": an_id("bra", 9)})
        ]

    pages = await store.read(unit)

    assert [VehiclePage.model_validate_json(page).items for page in pages] == [[a, b], [b], []]


async def test_a_plate_in_use_is_a_duplicate_and_a_retired_one_is_free(store: Store) -> None:
    first, second = make_vehicle(), make_vehicle(id=an_id("veh", 2))
    await put(store, first)

    with pytest.raises(DuplicateError) as refused:
        await put(store, second)

    assert refused.value.details == {"candidates": [first.id]}
    retired = first.model_copy(update={"state": VehicleState.RETIRED})
    await put(store, first, retired, second, retired)
    assert await store.read(lambda work: work.vehicles.require(second.id)) == second


async def test_the_database_itself_keeps_plates_apart(store: Store) -> None:
    await put(store, make_vehicle())

    with pytest.raises(IntegrityError, match=r"(?i)UNIQUE"):
        await store.write(
            lambda work: work.tx.run(
                "INSERT INTO vehicles SELECT school_id, 'veh_2', branch_id, plate, make, model,"
                " categories, transmission, state, version FROM vehicles"
            ),
            actor="tests",
        )


async def test_a_vehicle_is_required_by_its_id(store: Store) -> None:
    with pytest.raises(NotFoundError):
        await store.read(lambda work: work.vehicles.require(an_id("veh")))
