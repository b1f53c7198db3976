"""The life of a payment, in whatever order it is told."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from rpcbackend.domain.payments import FOLLOWS, follow, paid_state
from rpcbackend.schema.payments import Money, PaymentState

S = PaymentState
STATES = some.lists(some.sampled_from(PaymentState), max_size=12)


def told(states: list[PaymentState]) -> PaymentState:
    """Tell one after the other and return what the payment is in the end."""
    now = S.REQUESTED
    for state in states:
        now = state if follow(now, state) else now
    return now


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([S.LINK_CREATED, S.PAID], S.PAID),
        ([S.PAID, S.LINK_CREATED], S.PAID),
        ([S.FAILED, S.PAID], S.PAID),
        ([S.PAID, S.FAILED], S.PAID),
        ([S.FAILED, S.LINK_CREATED], S.FAILED),
        ([S.PAID, S.REFUNDED, S.PAID], S.REFUNDED),
        ([S.REFUNDED, S.PAID], S.REFUNDED),
        ([S.REVERSED, S.REFUNDED], S.REVERSED),
        ([S.MISMATCH, S.PAID], S.MISMATCH),
        ([S.MISMATCH, S.REFUNDED], S.REFUNDED),
    ],
    ids=str,
)
def test_what_is_told_late_changes_nothing(
    states: list[PaymentState], expected: PaymentState
) -> None:
    assert told(states) is expected


@given(states=STATES)
def test_a_state_is_never_left_and_entered_again(states: list[PaymentState]) -> None:
    seen = [told(states[:length]) for length in range(len(states) + 1)]

    changes = [one for one, other in pairwise(seen) if one is not other]
    assert len(changes) == len(set(changes))
    assert seen[-1] not in changes


@given(states=STATES)
def test_to_be_told_everything_once_more_in_the_same_order_changes_nothing_that_was_paid(
    states: list[PaymentState],
) -> None:
    once = told(states)

    if once in FOLLOWS[S.FAILED]:
        assert FOLLOWS[told(states + states)] <= FOLLOWS[once]
    assert told([*states, once]) is once


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        (Money(amount=4_500, currency="EUR"), S.PAID),
        (Money(amount=4_499, currency="EUR"), S.MISMATCH),
        (Money(amount=4_501, currency="EUR"), S.MISMATCH),
        (Money(amount=4_500, currency="USD"), S.MISMATCH),
    ],
    ids=["the same", "less", "more", "another currency"],
)
def test_only_the_very_amount_pays(received: Money, expected: PaymentState) -> None:
    assert paid_state(Money(amount=4_500, currency="EUR"), received) is expected
