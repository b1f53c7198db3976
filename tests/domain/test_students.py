"""Which state of a student may follow which."""

from itertools import product

import pytest

from rpcbackend.domain.students import check_first_state, check_transition
from rpcbackend.errors import InvalidTransitionError
from rpcbackend.schema.students import StudentState

# Domain section 2.3, row "student", read by hand.
MAY_FOLLOW = {
    "enquiry": {"active", "lost"},
    "active": {"paused", "graduated", "withdrawn"},
    "paused": {"active", "withdrawn"},
    "graduated": {"active", "archived"},
    "withdrawn": {"active", "archived"},
    "lost": {"enquiry", "archived"},
    "archived": set(),
}


@pytest.mark.parametrize(("now", "to"), list(product(StudentState, StudentState)))
def test_a_state_follows_only_where_the_design_says_so(now: StudentState, to: StudentState) -> None:
    allowed = MAY_FOLLOW[now]
    if to in allowed:
        check_transition(now, to)
        return

    with pytest.raises(InvalidTransitionError) as refused:
        check_transition(now, to)

    assert refused.value.message == f"A student who is {now} cannot become {to}."
    assert refused.value.details == {"from": now, "to": to, "allowed": sorted(allowed)}


@pytest.mark.parametrize("state", StudentState)
def test_a_student_begins_as_an_enquiry_or_active(state: StudentState) -> None:
    if state in {"enquiry", "active"}:
        check_first_state(state)
        return

    with pytest.raises(InvalidTransitionError) as refused:
        check_first_state(state)

    assert refused.value.details == {"from": None, "to": state, "allowed": ["active", "enquiry"]}
