"""When what answers are made of counts as changed, and when nobody can tell."""

from typing import Any

import pytest

from rpcbackend.store import Store, Work
from rpcbackend.store import tags as tags_module
from rpcbackend.store.tags import Tags
from rpcbackend.testing import Client
from tests.factories import School, an_id, make_branch, make_student


def change(tags: Tags, *touched: str) -> None:
    commit = object()
    tags.begin(commit, touched)
    tags.end(commit)


def test_the_revision_grows_with_every_change_of_any_of_the_tags() -> None:
    tags = Tags("")
    both = [tags.revision(("students", "lessons"))]

    for touched in ("students", "lessons", "students"):
        change(tags, touched)
        both.append(tags.revision(("students", "lessons")))

    assert both == sorted(set(both), key=both.index)
    assert len(set(both)) == 4


def test_what_is_not_touched_stays_as_it_is() -> None:
    tags = Tags("")
    change(tags, "students", "student:1")
    before = tags.revision(("student:1",)), tags.revision(("vehicles",))

    change(tags, "students", "student:2")

    assert (tags.revision(("student:1",)), tags.revision(("vehicles",))) == before
    assert tags.revision(()) == 0


def test_during_a_commit_nobody_can_tell() -> None:
    tags, commit = Tags(""), object()
    tags.begin(commit, {"students"})

    assert tags.revision(("vehicles", "students")) is None
    assert tags.revision(("vehicles",)) == 0

    tags.end(commit)
    assert tags.revision(("students",)) == 1


def test_a_commit_that_never_began_ends_without_a_trace() -> None:
    tags = Tags("")

    tags.end(object())

    assert tags.revision(("students",)) == 0


def test_when_all_may_have_changed_nothing_is_as_it_was() -> None:
    tags = Tags("")
    change(tags, "students")
    before = tags.revision(("students",)), tags.revision(("vehicles",))

    tags.change_all()

    after = tags.revision(("students",)), tags.revision(("vehicles",))
    assert not set(before) & set(after)


def test_memory_is_bounded_and_what_is_forgotten_counts_as_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tags_module, "MAX_TAGS", 3)
    tags = Tags("")
    change(tags, "a", "b")
    before = tags.revision(("a",))

    change(tags, "c", "d")

    assert (tags.revision(("a",)) or 0) > (before or 0)
    assert (tags.revision(("c",)) or 0) > (tags.revision(("a",)) or 0)


async def touched_by(store: Store, unit: Any, *, keep: bool = True) -> set[str]:
    """Return the tags that are another after a unit than before it."""
    names = (
        *("branches", "calendar", "instructors", "lessons", "students", "vehicles"),
        *(f"student:{an_id('stu')}", f"lesson:{an_id('les')}"),
    )
    before = {name: store.tags.revision((name,)) for name in names}
    await store.write(unit, actor="tests", keep=keep)
    return {name for name in names if store.tags.revision((name,)) != before[name]}


async def test_a_commit_touches_the_table_and_the_record_that_it_writes(store: Store) -> None:
    async def unit(work: Work) -> None:
        await work.branches.put(make_branch())
        await work.students.put(make_student())

    assert await touched_by(store, unit) == {"branches", "students", f"student:{an_id('stu')}"}


async def test_what_is_taken_back_or_refused_touches_nothing(store: Store) -> None:
    async def fail(work: Work) -> None:
        await work.branches.put(make_branch())
        raise KeyError

    assert not await touched_by(store, lambda work: work.branches.put(make_branch()), keep=False)
    before = store.tags.revision(("branches",))
    with pytest.raises(KeyError):
        await store.write(fail, actor="tests")
    assert store.tags.revision(("branches",)) == before


async def test_a_booking_touches_the_calendar_and_its_own_lesson(
    client: Client, store: Store
) -> None:
    school = await School(client).open()
    before = {tag: store.tags.revision((tag,)) for tag in ("calendar", "lessons", "students")}

    booked = await client.call("lessons.book", **school.booking())

    after = {tag: store.tags.revision((tag,)) for tag in before}
    assert {tag for tag in before if after[tag] != before[tag]} == {"calendar", "lessons"}
    assert store.tags.revision((f"lesson:{booked['lesson']['id']}",)) == after["lessons"]
