"""The life of a payment by a link: which state may follow which.

What a service tells comes in any order and more than once, so a state never goes back: what is told
late changes nothing.
"""

from collections.abc import Mapping

from rpcbackend.schema.payments import Money, PaymentState

_S = PaymentState
_AFTER_PAID = frozenset({_S.REFUNDED, _S.REVERSED})
_PAID = frozenset({_S.PAID, _S.MISMATCH}) | _AFTER_PAID

FOLLOWS: Mapping[PaymentState, frozenset[PaymentState]] = {
    _S.REQUESTED: _PAID | {_S.LINK_CREATED, _S.FAILED},
    _S.LINK_CREATED: _PAID | {_S.FAILED},
    _S.FAILED: _PAID,
    _S.PAID: _AFTER_PAID,
    _S.MISMATCH: _AFTER_PAID,
    _S.REFUNDED: frozenset({_S.REVERSED}),
    _S.REVERSED: frozenset(),
}


def follow(now: PaymentState, told: PaymentState) -> bool:
    """Tell whether what a service tells is news."""
    return told in FOLLOWS[now]


def paid_state(asked: Money, received: Money) -> PaymentState:
    """Return what a payment is for which this was received: only the very amount pays it."""
    return _S.PAID if received == asked else _S.MISMATCH
