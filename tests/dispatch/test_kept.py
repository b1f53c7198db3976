"""What answers are made of, and which questions are the same."""

from rpcbackend.dispatch.kept import Kept, key_of, rev_of
from rpcbackend.schema.calendars import ViewCalendar
from rpcbackend.store import EVERYTHING, sight_of
from tests.machine import Label

SIGHT = EVERYTHING


def test_what_an_answer_is_made_of_depends_on_params_and_on_who_sees_it() -> None:
    kept = Kept("said:{label}", "lists", seen_by=("lessons",))

    assert kept.tags(Label(label="a"), sees_all=True) == ("said:a", "lists")
    assert kept.tags(Label(label="b"), sees_all=False) == ("said:b", "lists", "lessons")
    assert Kept("lists").tags(Label(), sees_all=False) == ("lists",)


def test_the_order_of_params_and_what_is_left_out_make_no_other_question() -> None:
    one = ViewCalendar.model_validate(
        {"from": "2026-11-24T00:00:00Z", "to": "2026-11-25T00:00:00.000Z"}
    )
    other = ViewCalendar.model_validate(
        {
            "resourceTypes": ["instructor"],
            "branchId": None,
            "to": "2026-11-25T00:00:00Z",
            "from": "2026-11-24T00:00:00Z",
        }
    )

    assert key_of("calendar.view", SIGHT, one) == key_of("calendar.view", SIGHT, other)


def test_another_channel_sight_or_param_makes_another_question_and_another_rev() -> None:
    keys = [
        key_of("test.say", SIGHT, Label(label="a")),
        key_of("test.list", SIGHT, Label(label="a")),
        key_of("test.say", SIGHT, Label(label="b")),
        key_of("test.say", sight_of("stu_1"), Label(label="a")),
        key_of("test.say", sight_of("ins_1"), Label(label="a")),
        key_of("test.say", sight_of(None), Label(label="a")),
    ]

    assert len(set(keys)) == len(keys)
    revs = {rev_of(epoch, key, revision) for epoch in "ab" for key in keys for revision in (1, 2)}
    assert len(revs) == 4 * len(keys)
