"""The JSON that SQLite writes is the JSON that the model writes."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as some

from rpcbackend.schema.base import Flag, Instant, WireModel
from rpcbackend.schema.branches import Branch
from rpcbackend.schema.claims import Claim
from rpcbackend.schema.instructors import Instructor
from rpcbackend.schema.lessons import Lesson
from rpcbackend.schema.students import Student
from rpcbackend.schema.vehicles import Vehicle
from rpcbackend.store import Work
from rpcbackend.store.json_sql import instant, json_object
from tests.entities import ENTITIES
from tests.factories import add_all, store_in

LOCAL = "json_object('start', local_start, 'end', local_end)"

PUT: dict[type[WireModel], Callable[[Work, Any], Awaitable[None]]] = {
    Branch: lambda work, entity: work.branches.put(entity),
    Instructor: lambda work, entity: work.instructors.put(entity),
    Vehicle: lambda work, entity: work.vehicles.put(entity),
    Student: lambda work, entity: work.students.put(entity),
    Lesson: lambda work, entity: work.lessons.put(entity),
    Claim: lambda work, entity: work.claims.take([entity]),
}
TABLES = {
    Branch: "branches",
    Instructor: "instructors",
    Vehicle: "vehicles",
    Student: "students",
    Lesson: "lessons",
    Claim: "resource_claims",
}


@settings(max_examples=150)
@given(entity=some.one_of(*ENTITIES.values()))
async def test_every_entity_comes_back_as_the_json_that_it_is(entity: WireModel) -> None:
    model = type(entity)
    sql = json_object(model, **{"local": LOCAL} if model is Lesson else {})
    key = "resource_id" if model is Claim else "id"

    async def unit(work: Work) -> str:
        await PUT[model](work, entity)
        row = await work.tx.one(
            f"SELECT {sql} FROM {TABLES[model]}"  # noqa: S608 (our own names)
            f" WHERE school_id = :school AND {key} = :key",
            key=getattr(entity, key),
        )
        assert row is not None
        text: str = row[0]
        return text

    async with store_in(None) as store:
        await add_all(store)
        written = await store.write(unit, actor="tests")

    assert model.model_validate_json(written) == entity
    assert orjson.loads(written) == orjson.loads(entity.model_dump_json())


class Everything(WireModel):
    """One field of each kind that columns hold."""

    some_text: str
    number: Annotated[int | None, "a mark"]
    maybe_at: Instant | None
    is_so: Flag
    words: list[str] | None
    pair: tuple[int, ...]
    other: str


def test_each_kind_of_field_has_its_expression() -> None:
    assert json_object(Everything, other="1 + 1") == (
        "json_object('someText', some_text, 'number', number,"
        f" 'maybeAt', {instant('maybe_at')},"
        " 'isSo', json(iif(is_so = 1, 'true', 'false')),"
        " 'words', json(words), 'pair', json(pair), 'other', 1 + 1)"
    )
