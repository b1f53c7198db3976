"""The wire models of vehicles."""

import pytest
from hypothesis import given

from rpcbackend.schema.vehicles import ListVehicles, SaveVehicle, Vehicle, VehiclePage
from tests.entities import VEHICLES
from tests.factories import an_id, make_vehicle
from tests.schema.fits import broken, written

SAVE = {
    "branchId": an_id("bra"),
    "plate": "B-FS 101",
    "make": "VW",
    "model": "Golf",
    "categories": ["B"],
    "transmission": "manual",
}


@given(vehicle=VEHICLES)
def test_a_vehicle_is_read_back_as_it_was_written(vehicle: Vehicle) -> None:
    assert Vehicle.model_validate_json(vehicle.model_dump_json()) == vehicle


def test_a_new_vehicle_is_active_unless_told_otherwise() -> None:
    assert written(SaveVehicle.model_validate(SAVE)) == SAVE | {
        "vehicleId": None,
        "state": "active",
        "expectedVersion": None,
    }
    assert broken(SaveVehicle, {}) == sorted(SAVE)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"plate": " "}, "plate"),
        ({"plate": "x" * 21}, "plate"),
        ({"plate": "B\tFS"}, "plate"),
        ({"transmission": "both"}, "transmission"),
        ({"state": "lost"}, "state"),
        ({"categories": []}, "categories"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_by_its_path(given: dict[str, object], path: str) -> None:
    assert broken(SaveVehicle, SAVE | given) == [path]


def test_a_list_may_be_narrowed_by_branch_and_state() -> None:
    assert written(ListVehicles()) == {"branchId": None, "state": None}
    page = VehiclePage(items=[make_vehicle()])
    assert written(page) == {"items": [written(make_vehicle())]}
