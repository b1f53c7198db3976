"""Vehicles: what lessons are driven in."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from rpcbackend.schema.base import PERSONAL, BranchId, Name, Params, VehicleId, Version, WireModel
from rpcbackend.schema.instructors import Categories

Plate = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=20, pattern=r"^[^\x00-\x1f\x7f]+$"
    ),
    # A contractor drives his own car.
    Field(json_schema_extra=PERSONAL),
]


class Transmission(StrEnum):
    """How a vehicle changes gear."""

    MANUAL = "manual"
    AUTOMATIC = "automatic"


class VehicleState(StrEnum):
    """Whether a vehicle can be booked; retired is for good."""

    ACTIVE = "active"
    WORKSHOP = "workshop"
    RETIRED = "retired"


class Vehicle(WireModel):
    """One vehicle."""

    id: VehicleId
    branch_id: BranchId
    plate: Plate
    make: Name
    model: Name
    categories: Categories
    transmission: Transmission
    state: VehicleState
    version: Version


class SaveVehicle(Params):
    """Params of vehicles.save: without vehicleId a new one is made."""

    vehicle_id: VehicleId | None = None
    branch_id: BranchId
    plate: Plate
    make: Name
    model: Name
    categories: Categories
    transmission: Transmission
    state: VehicleState = VehicleState.ACTIVE
    expected_version: Version | None = None


class ListVehicles(Params):
    """Params of vehicles.list."""

    branch_id: BranchId | None = None
    state: VehicleState | None = None


class VehiclePage(WireModel):
    """Vehicles by plate."""

    items: list[Vehicle]
