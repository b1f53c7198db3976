"""The life of a student: which state may follow which (domain section 2.3)."""

from rpcbackend.errors import InvalidTransitionError
from rpcbackend.schema.students import StudentState

FOLLOWS: dict[StudentState, frozenset[StudentState]] = {
    StudentState.ENQUIRY: frozenset({StudentState.ACTIVE, StudentState.LOST}),
    StudentState.ACTIVE: frozenset(
        {StudentState.PAUSED, StudentState.GRADUATED, StudentState.WITHDRAWN}
    ),
    StudentState.PAUSED: frozenset({StudentState.ACTIVE, StudentState.WITHDRAWN}),
    StudentState.GRADUATED: frozenset({StudentState.ACTIVE, StudentState.ARCHIVED}),
    StudentState.WITHDRAWN: frozenset({StudentState.ACTIVE, StudentState.ARCHIVED}),
    StudentState.LOST: frozenset({StudentState.ENQUIRY, StudentState.ARCHIVED}),
    StudentState.ARCHIVED: frozenset(),
}

MAY_BEGIN_AS = frozenset({StudentState.ENQUIRY, StudentState.ACTIVE})

LEAVING = frozenset({StudentState.GRADUATED, StudentState.WITHDRAWN})
"""States that nobody enters who still has lessons to come."""


def check_transition(now: StudentState, to: StudentState) -> None:
    """Check that *to* may follow *now*.

    Raises:
        InvalidTransitionError: It may not; details tell what may.
    """
    if to not in FOLLOWS[now]:
        allowed = sorted(FOLLOWS[now])
        raise InvalidTransitionError(
            f"A student who is {now} cannot become {to}.",
            details={"from": now, "to": to, "allowed": allowed},
        )


def check_first_state(state: StudentState) -> None:
    """Check that a new student may begin as *state*.

    Raises:
        InvalidTransitionError: Only an enquiry or an active student can be new.
    """
    if state not in MAY_BEGIN_AS:
        raise InvalidTransitionError(
            f"A new student cannot be {state} already.",
            details={"from": None, "to": state, "allowed": sorted(MAY_BEGIN_AS)},
        )
