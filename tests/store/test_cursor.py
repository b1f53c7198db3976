"""Where a page ended: read back as written, or refused."""

import base64

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as some

from rpcbackend.errors import CursorInvalidError
from rpcbackend.schema.base import MAX_CURSOR, MAX_SAFE_INTEGER
from rpcbackend.store.cursor import read_cursor, write_cursor

TEXTS = some.text(some.characters(exclude_categories=["Cs"]))
POSITIONS = some.lists(some.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER) | TEXTS, max_size=4)


@given(position=POSITIONS)
def test_a_position_is_read_back_as_it_was_written(position: list[str | int]) -> None:
    cursor = write_cursor(*position)

    assert read_cursor(cursor, *map(type, position)) == position


@given(position=POSITIONS, types=some.lists(some.sampled_from([int, str]), max_size=4))
def test_a_position_of_another_list_is_refused(
    position: list[str | int], types: list[type]
) -> None:
    cursor = write_cursor(*position)
    if types == [type(value) for value in position]:
        return

    with pytest.raises(CursorInvalidError):
        read_cursor(cursor, *types)


@given(garbage=some.text() | some.text("ABCDabcd0123_-=").filter(bool))
def test_garbage_is_refused(garbage: str) -> None:
    try:
        position = read_cursor(garbage, int, str)
    except CursorInvalidError:
        return
    assert [type(value) for value in position] == [int, str]


@pytest.mark.parametrize(
    "value",
    [
        [True, "x"],
        [1.0, "x"],
        [None, "x"],
        [2**53, "x"],
        [-(2**63) - 1, "x"],
        [2**64 - 1, "x"],
        [1, ["x"]],
        {"a": 1},
        "x",
        [],
        [1, "x", 2],
    ],
    ids=str,
)
def test_other_json_is_refused(value: object) -> None:
    cursor = (
        base64.urlsafe_b64encode(orjson.dumps(value)).decode()
        if not _is_huge(value)
        else (base64.urlsafe_b64encode(str(value).replace("'", '"').encode()).decode())
    )

    with pytest.raises(CursorInvalidError):
        read_cursor(cursor, int, str)


def _is_huge(value: object) -> bool:
    return isinstance(value, list) and bool(value) and value[0] == -(2**63) - 1


@pytest.mark.parametrize("sign", ["x", "é", "李", "😀", '"', "\\", "\n"])
def test_the_longest_names_make_a_cursor_that_the_schema_takes(sign: str) -> None:
    cursor = write_cursor(sign * 200, sign * 200, "stu_01a2076b-4400-7010-94fc-742ee2140a51")

    assert len(cursor) <= MAX_CURSOR
