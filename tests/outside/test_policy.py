"""What holds where nothing is set."""

from rpcbackend.outside.policy import Policy
from rpcbackend.store.outbox import LEASE_SECONDS


def test_two_calls_one_after_the_other_fit_into_a_lease() -> None:
    assert 2 * Policy().timeout_seconds <= LEASE_SECONDS
