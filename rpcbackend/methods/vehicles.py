"""Vehicles: list and save."""

from rpcbackend.context import Context
from rpcbackend.dispatch.kept import Kept
from rpcbackend.dispatch.registry import method
from rpcbackend.domain.vehicles import check_transition
from rpcbackend.domain.versions import next_version
from rpcbackend.errors import (
    DuplicateError,
    InUseError,
    InvalidTransitionError,
    NotFoundError,
    VersionConflictError,
)
from rpcbackend.schema.base import Encoded
from rpcbackend.schema.vehicles import (
    ListVehicles,
    SaveVehicle,
    Vehicle,
    VehiclePage,
    VehicleState,
)
from rpcbackend.security.roles import Permission
from rpcbackend.store import Work


@method("vehicles.list", permission=Permission.VEHICLES_READ, kept=Kept("vehicles"))
async def list_all(ctx: Context, params: ListVehicles) -> Encoded[VehiclePage]:
    """Return the vehicles that fit, by plate."""
    return await ctx.read(lambda work: work.vehicles.list(params))


@method(
    "vehicles.save",
    permission=Permission.VEHICLES_WRITE,
    kind="command",
    errors=(
        NotFoundError,
        VersionConflictError,
        InvalidTransitionError,
        DuplicateError,
        InUseError,
    ),
    events=("vehicles.saved", "vehicles.retired"),
)
async def save(ctx: Context, params: SaveVehicle) -> Vehicle:
    """Add a vehicle, or replace the one with the given id.

    No vehicle is retired that is still booked, and none comes back once it is.
    """

    async def unit(work: Work) -> Vehicle:
        await work.branches.require(params.branch_id)
        old = await work.vehicles.require(params.vehicle_id) if params.vehicle_id else None
        vehicle = Vehicle(
            id=old.id if old else work.new_id("veh"),
            branch_id=params.branch_id,
            plate=params.plate,
            make=params.make,
            model=params.model,
            categories=params.categories,
            transmission=params.transmission,
            state=params.state,
            version=next_version(old, params.expected_version),
        )
        retires = vehicle.state is VehicleState.RETIRED
        if old is not None:
            check_transition(old.state, vehicle.state)
        if retires and old is not None:
            await work.lessons.require_none_to_come("vehicle_id", old.id, work.now)
        await work.vehicles.put(vehicle)
        await work.record(
            "vehicles.retired" if retires else "vehicles.saved",
            ("vehicle", vehicle.id, vehicle.version),
            {"vehicleId": vehicle.id, "state": vehicle.state},
        )
        return vehicle

    return await ctx.write(unit)
