"""The branches as rows."""

import orjson
import pytest

from rpcbackend.errors import NotFoundError
from rpcbackend.schema.branches import BranchPage
from rpcbackend.store import Store, Work
from tests.factories import an_id, make_branch


async def test_branches_come_by_name_and_then_by_id(store: Store) -> None:
    branches = [
        make_branch(id=an_id("bra", number), name=name)
        for number, name in enumerate(["b", "a", "a"], start=1)
    ]

    async def unit(work: Work) -> bytes:
        for branch in reversed(branches):
            await work.branches.put(branch)
        return (await work.branches.list()).json

    page = BranchPage.model_validate(orjson.loads(await store.write(unit, actor="tests")))

    assert page.items == [branches[1], branches[2], branches[0]]


async def test_a_branch_is_required_by_its_id(store: Store) -> None:
    branch = make_branch(address="Am Markt 1\nHinterhaus", is_active=False)
    await store.write(lambda work: work.branches.put(branch), actor="tests")

    assert await store.read(lambda work: work.branches.require(branch.id)) == branch
    with pytest.raises(NotFoundError):
        await store.read(lambda work: work.branches.require(an_id("bra", 2)))
