"""What a command changes, noted while it runs."""

from rpcbackend.store.changes import Changes, Record

LESSON: Record = ("lesson", "les_1")
STUDENT: Record = ("student", "stu_1")


def test_before_is_the_first_look_and_after_the_last_write() -> None:
    changes = Changes()

    changes.see(LESSON, "1")
    changes.write(LESSON, "2")
    changes.see(LESSON, "2")
    changes.write(LESSON, "3")

    assert list(changes) == [(LESSON, "1", "3")]


def test_what_was_only_seen_or_came_back_to_what_it_was_is_no_change() -> None:
    changes = Changes()

    changes.see(STUDENT, "1")
    changes.see(LESSON, "1")
    changes.write(LESSON, "2")
    changes.write(LESSON, "1")

    assert list(changes) == []


def test_changes_are_in_the_order_of_their_first_writing() -> None:
    changes = Changes()

    for record in (STUDENT, LESSON):
        changes.see(record, None)
    for record in (LESSON, STUDENT, LESSON):
        changes.write(record, "1")

    assert [record for record, _, _ in changes] == [LESSON, STUDENT]


def test_what_was_looked_for_and_not_found_has_been_seen() -> None:
    changes = Changes()

    changes.see(LESSON, None)

    assert changes.has_seen(LESSON)
    assert not changes.has_seen(STUDENT)
