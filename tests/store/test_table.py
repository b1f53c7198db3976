"""One table of entities: get, require and put, with the SQL that follows from the model."""

from datetime import UTC, date, datetime
from typing import Any

import orjson
import pytest

from rpcbackend.errors import NotFoundError
from rpcbackend.schema.base import Encoded
from rpcbackend.schema.branches import Branch
from rpcbackend.schema.students import StudentState
from rpcbackend.store import Store, Work
from rpcbackend.store.table import Table, end_to_column, page_of, to_column
from tests.factories import an_id, at, make_branch

TABLE = Table(Branch, "branches", noun="branch")


async def put(store: Store, *branches: Branch) -> None:
    async def unit(work: Work) -> None:
        for branch in branches:
            await TABLE.put(work.tx, branch)

    await store.write(unit, actor="tests")


async def test_what_was_put_is_got_as_model_and_as_json(store: Store) -> None:
    branch = make_branch()
    await put(store, branch)

    async def unit(work: Work) -> list[Any]:
        return [
            await TABLE.get(work.tx, branch.id),
            await TABLE.require(work.tx, branch.id),
            await TABLE.get_encoded(work.tx, branch.id),
            await TABLE.require_encoded(work.tx, branch.id),
        ]

    encoded: Encoded[Branch] = Encoded(branch.model_dump_json().encode())
    assert await store.read(unit) == [branch, branch, encoded, encoded]


async def test_what_is_put_again_replaces_what_was_there(store: Store) -> None:
    await put(store, make_branch(), make_branch(id=an_id("bra", 2)))

    await put(store, make_branch(name="Nord", version=2))

    async def unit(work: Work) -> list[Any]:
        rows = await TABLE.list_encoded(work.tx, where="true", order="id", limit=9)
        return [orjson.loads(row["json"])["name"] for row in rows]

    assert await store.read(unit) == ["Nord", "Mitte"]


async def test_what_is_not_there_is_none_or_not_found(store: Store) -> None:
    async def unit(work: Work) -> list[Any]:
        return [await TABLE.get(work.tx, "x"), await TABLE.get_encoded(work.tx, "x")]

    assert await store.read(unit) == [None, None]
    for required in (TABLE.require, TABLE.require_encoded):
        with pytest.raises(NotFoundError) as missing:
            await store.read(lambda work, required=required: required(work.tx, "x"))  # type: ignore[misc]  # mypy cannot see that the default binds
        assert missing.value.details == {"entity": "branch", "id": "x"}


async def test_a_list_is_ordered_narrowed_and_cut_off(store: Store) -> None:
    names = ["c", "a", "b", "d"]
    await put(store, *[make_branch(id=an_id("bra", n), name=name) for n, name in enumerate(names)])

    async def unit(work: Work) -> list[Any]:
        return await TABLE.list_encoded(
            work.tx, where="name > :above", order="name, id", limit=2, above="a"
        )

    rows = await store.read(unit)
    assert [(row["name"], row["id"]) for row in rows] == [
        ("b", an_id("bra", 2)),
        ("c", an_id("bra", 0)),
    ]


def test_a_page_joins_the_json_of_its_rows() -> None:
    rows = [{"json": '{"a":1}'}, {"json": '{"a":2}'}]

    assert page_of(rows, next_cursor='x"y') == b'{"items":[{"a":1},{"a":2}],"nextCursor":"x\\"y"}'
    assert page_of([], next_cursor=None) == b'{"items":[],"nextCursor":null}'
    assert page_of(rows[:1], has_cursor=False) == b'{"items":[{"a":1}]}'


@pytest.mark.parametrize(
    ("value", "column"),
    [
        (datetime(2026, 11, 23, 8, 0, tzinfo=UTC), 1_795_420_800),
        (at("2026-11-23T08:00:00.999Z"), 1_795_420_800),
        (date(2007, 12, 10), "2007-12-10"),
        (["B", "ä"], '["B","ä"]'),
        (StudentState.ACTIVE, "active"),
        (None, None),
        (True, True),
        (7, 7),
    ],
    ids=repr,
)
def test_a_value_becomes_what_its_column_holds(value: object, column: object) -> None:
    assert to_column(value) == column


@pytest.mark.parametrize(
    ("end", "column"),
    [
        ("2026-11-23T08:00:00Z", 1_795_420_800),
        ("2026-11-23T08:00:00.001Z", 1_795_420_801),
        ("2026-11-23T08:00:00.999Z", 1_795_420_801),
    ],
)
def test_the_end_of_a_span_is_rounded_up(end: str, column: int) -> None:
    assert end_to_column(at(end)) == column
    assert end_to_column(None) is None
