"""The students as rows, and how a search finds them."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as some

from rpcbackend.errors import CursorInvalidError, NotFoundError
from rpcbackend.schema.students import ListStudents, Student, StudentPage
from rpcbackend.store import Store, Work
from rpcbackend.store.cursor import write_cursor
from rpcbackend.store.students import MAX_DUPLICATES, fold
from tests.factories import an_id, make_branch, make_student


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Zoë", "zoe"),
        ("ZOE\u0308", "zoe"),
        ("Groß", "gross"),
        ("İstanbul", "istanbul"),
        ("Ångström", "angstrom"),
        ("ﬁ", "fi"),
        ("\uff21\uff44\uff41", "ada"),
        ("\U0001d400da", "ada"),
        ("Σίσυφος", "σισυφοσ"),
        ("عَائِشَة", "عايشة"),
        ("李小龍", "李小龍"),
        ("Łukasz", "łukasz"),
        ("", ""),
    ],
)
def test_a_text_is_folded_so_that_a_search_finds_it(text: str, folded: str) -> None:
    """Letters with a stroke, such as Ł, are letters of their own to Unicode: a known gap."""
    assert fold(text) == folded


@given(text=some.text())
def test_to_fold_twice_changes_nothing_more(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(text=some.text("aäÄéßİΣςŁøﬁ"))
def test_case_does_not_matter(text: str) -> None:
    assert fold(text.upper()) == fold(text.lower()) == fold(text)


async def put(store: Store, *students: Student) -> None:
    async def unit(work: Work) -> None:
        await work.branches.put(make_branch())
        for student in students:
            await work.students.put(student)

    await store.write(unit, actor="tests")


async def listed(store: Store, **wanted: object) -> StudentPage:
    encoded = await store.read(lambda work: work.students.list(ListStudents.model_validate(wanted)))
    return StudentPage.model_validate_json(encoded.json)


async def test_a_page_ends_where_the_next_one_begins(store: Store) -> None:
    students = [make_student(id=an_id("stu", n), family_name=name) for n, name in enumerate("abc")]
    await put(store, *reversed(students))

    first = await listed(store, limit=2)
    second = await listed(store, limit=2, cursor=first.next_cursor)

    assert first == StudentPage(
        items=students[:2], next_cursor=write_cursor("b", "Ada", an_id("stu", 1))
    )
    assert second == StudentPage(items=students[2:], next_cursor=None)


async def test_a_page_that_is_just_full_is_the_last(store: Store) -> None:
    await put(store, make_student())

    assert await listed(store, limit=1) == StudentPage(items=[make_student()], next_cursor=None)


async def test_a_cursor_of_another_kind_is_refused(store: Store) -> None:
    with pytest.raises(CursorInvalidError):
        await listed(store, cursor=write_cursor(1, "x"))


async def test_namesakes_share_name_and_birthday_and_are_not_too_many(store: Store) -> None:
    same = [
        make_student(id=an_id("stu", n), given_name=name)
        for n, name in enumerate(["Ada", "ADA", "Adá", "àda", "ada", "aDa", "adA"], start=1)
    ]
    other_day = make_student(id=an_id("stu", 50), born_on=date(2007, 12, 11))
    other_name = make_student(id=an_id("stu", 51), given_name="Eva")
    await put(store, *same, other_day, other_name)

    found = await store.read(lambda work: work.students.namesakes(same[0]))

    assert found == same[1 : 1 + MAX_DUPLICATES]
    assert await store.read(lambda work: work.students.namesakes(other_name)) == []


async def test_students_are_counted_and_required(store: Store) -> None:
    await put(store, make_student(), make_student(id=an_id("stu", 2)))

    assert await store.read(lambda work: work.students.count()) == 2
    assert await store.read(lambda work: work.students.require(an_id("stu"))) == make_student()
    encoded = await store.read(lambda work: work.students.require_encoded(an_id("stu")))
    assert Student.model_validate_json(encoded.json) == make_student()
    with pytest.raises(NotFoundError):
        await store.read(lambda work: work.students.require(an_id("stu", 3)))
    with pytest.raises(NotFoundError):
        await store.read(lambda work: work.students.require_encoded(an_id("stu", 3)))
