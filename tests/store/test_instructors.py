"""The instructors as rows."""

import pytest

from rpcbackend.errors import NotFoundError
from rpcbackend.schema.instructors import InstructorPage, InstructorState, ListInstructors
from rpcbackend.store import Store, Work
from rpcbackend.store.driver import IntegrityError
from tests.factories import an_id, make_branch, make_instructor


async def test_instructors_come_by_name_and_fit_branch_and_state(store: Store) -> None:
    north = an_id("bra", 2)
    ben = make_instructor(id=an_id("ins", 1), given_name="Ben", family_name="Adler")
    zoe = make_instructor(id=an_id("ins", 2), family_name="Adler", branch_id=north)
    gone = make_instructor(id=an_id("ins", 3), state=InstructorState.INACTIVE, branch_id=north)

    async def unit(work: Work) -> list[bytes]:
        await work.branches.put(make_branch())
        await work.branches.put(make_branch(id=north))
        for instructor in (gone, zoe, ben):
            await work.instructors.put(instructor)
        return [
            (await work.instructors.list(ListInstructors.model_validate(wanted))).json
            for wanted in ({}, {"branchId": north}, {"state": "active"})
        ]

    pages = await store.write(unit, actor="tests")

    assert [InstructorPage.model_validate_json(page).items for page in pages] == [
        [ben, zoe, gone],
        [zoe, gone],
        [ben, zoe],
    ]


async def test_an_instructor_is_required_by_his_id(store: Store) -> None:
    with pytest.raises(NotFoundError):
        await store.read(lambda work: work.instructors.require(an_id("ins")))


async def test_an_instructor_without_a_branch_is_refused_by_the_database(store: Store) -> None:
    with pytest.raises(IntegrityError, match=r"(?i)FOREIGN KEY"):
        await store.write(lambda work: work.instructors.put(make_instructor()), actor="tests")
