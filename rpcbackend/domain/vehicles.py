"""The life of a vehicle: which state may follow which (domain section 2.3)."""

from rpcbackend.errors import InvalidTransitionError
from rpcbackend.schema.vehicles import VehicleState

FOLLOWS: dict[VehicleState, frozenset[VehicleState]] = {
    VehicleState.ACTIVE: frozenset({VehicleState.WORKSHOP, VehicleState.RETIRED}),
    VehicleState.WORKSHOP: frozenset({VehicleState.ACTIVE, VehicleState.RETIRED}),
    VehicleState.RETIRED: frozenset(),
}


def check_transition(now: VehicleState, to: VehicleState) -> None:
    """Check that *to* may follow *now*, or is the same.

    Raises:
        InvalidTransitionError: It may not; details tell what may.
    """
    if to is not now and to not in FOLLOWS[now]:
        raise InvalidTransitionError(
            f"A vehicle that is {now} cannot become {to}.",
            details={"from": now, "to": to, "allowed": sorted(FOLLOWS[now])},
        )
