"""The vehicles as rows."""

from collections.abc import Sequence

import orjson

from rpcbackend.errors import DuplicateError, NotFoundError
from rpcbackend.schema.base import Encoded
from rpcbackend.schema.vehicles import ListVehicles, Vehicle, VehiclePage, VehicleState
from rpcbackend.store.table import Table, page_of
from rpcbackend.store.transaction import Transaction

MOST = 1_000
"""A list without pages: the largest school of the design has 175."""

_TABLE = Table(Vehicle, "vehicles", noun="vehicle")


class Vehicles:
    """The vehicles of one school."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def require(self, vehicle_id: str) -> Vehicle:
        """Return the vehicle; see `Table.require`."""
        return await _TABLE.require(self._tx, vehicle_id)

    async def put(self, vehicle: Vehicle) -> None:
        """Add the vehicle, or replace the one with its id.

        Raises:
            DuplicateError: Another vehicle in use has its plate.
        """
        if vehicle.state is not VehicleState.RETIRED:
            other = await self._tx.one(
                "SELECT id FROM vehicles WHERE school_id = :school AND plate = :plate"
                " AND state <> 'retired' AND id <> :id",
                plate=vehicle.plate,
                id=vehicle.id,
            )
            if other is not None:
                raise DuplicateError(
                    "Another vehicle has this plate.", details={"candidates": [other["id"]]}
                )
        await _TABLE.put(self._tx, vehicle)

    async def in_service(self, wanted: Sequence[str]) -> list[str]:
        """Return those of *wanted* that are in service, in their order, each once.

        Raises:
            NotFoundError: One of them is not there.
        """
        rows = await self._tx.all(
            "SELECT id, state FROM vehicles"
            " WHERE school_id = :school AND id IN (SELECT value FROM json_each(:wanted))",
            wanted=orjson.dumps(wanted).decode(),
        )
        states = {row["id"]: row["state"] for row in rows}
        if (missing := next((each for each in wanted if each not in states), None)) is not None:
            raise NotFoundError.of("vehicle", missing)
        return [each for each in dict.fromkeys(wanted) if states[each] == VehicleState.ACTIVE]

    async def list(self, wanted: ListVehicles) -> Encoded[VehiclePage]:
        """Return those that fit, by plate."""
        rows = await _TABLE.list_encoded(
            self._tx,
            where="(:branch IS NULL OR branch_id = :branch) AND (:state IS NULL OR state = :state)",
            order="plate, id",
            limit=MOST,
            branch=wanted.branch_id,
            state=wanted.state,
        )
        return Encoded(page_of(rows, has_cursor=False))
