"""Which state of a vehicle may follow which."""

from itertools import product

import pytest

from rpcbackend.domain.vehicles import check_transition
from rpcbackend.errors import InvalidTransitionError
from rpcbackend.schema.vehicles import VehicleState

# Domain section 2.3, row "vehicle", read by hand; staying is no step.
MAY_FOLLOW = {
    "active": {"active", "workshop", "retired"},
    "workshop": {"workshop", "active", "retired"},
    "retired": {"retired"},
}


@pytest.mark.parametrize(("now", "to"), list(product(VehicleState, VehicleState)))
def test_a_state_follows_only_where_the_design_says_so(now: VehicleState, to: VehicleState) -> None:
    if to in MAY_FOLLOW[now]:
        check_transition(now, to)
        return

    with pytest.raises(InvalidTransitionError) as refused:
        check_transition(now, to)

    assert refused.value.details == {
        "from": now,
        "to": to,
        "allowed": sorted(MAY_FOLLOW[now] - {now}),
    }
