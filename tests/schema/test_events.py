"""The wire models of the event stream."""

import pytest

from rpcbackend.schema.events import Event, Subscribed, SubscribeEvents
from tests.schema.fits import broken, written

EVENT = {
    "seq": 1,
    "id": "evt_1",
    "type": "lessons.booked",
    "at": "2026-11-23T08:00:00.250Z",
    "actor": "local",
    "aggregate": {"type": "lesson", "id": "les_1", "version": 1},
    "data": {"lessonId": "les_1", "more": [None, 1.5]},
}


def test_an_event_is_read_back_as_it_was_written() -> None:
    assert written(Event.model_validate(EVENT)) == EVENT


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"seq": 0}, "seq"),
        ({"type": "Lessons.booked"}, "type"),
        ({"type": "booked"}, "type"),
        ({"aggregate": {"type": "lesson", "id": "x"}}, "aggregate.version"),
        ({"data": []}, "data"),
    ],
    ids=str,
)
def test_what_is_no_event_is_refused(given: dict[str, object], path: str) -> None:
    assert broken(Event, EVENT | given) == [path]


def test_a_subscription_is_to_everything_from_now_on_unless_told_otherwise() -> None:
    assert written(SubscribeEvents()) == {"types": [], "afterSeq": None}
    assert broken(SubscribeEvents, {"types": ["a.b"] * 101, "afterSeq": -1}) == [
        "afterSeq",
        "types",
    ]
    assert written(Subscribed(subscription_id="sub_1", head_seq=0)) == {
        "subscriptionId": "sub_1",
        "headSeq": 0,
    }
