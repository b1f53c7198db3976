"""The wire models of notifications."""

import pytest

from rpcbackend.schema.notifications import SendNotification
from tests.factories import an_id
from tests.schema.fits import broken, written

SEND = {"template": "message", "channel": "mail"}


def test_whom_and_what_with_may_be_left_out_here() -> None:
    assert written(SendNotification.model_validate(SEND)) == SEND | {
        "studentIds": [],
        "lessonIds": [],
        "values": {},
        "purpose": None,
        "sendAt": None,
        "preview": False,
    }
    assert broken(SendNotification, {}) == sorted(SEND)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("studentIds", [an_id("stu")] * 201),
        ("studentIds.0", [an_id("les")]),
        ("lessonIds.0", [an_id("stu")]),
        ("values", {str(number): "x" for number in range(11)}),
        ("values.text", {"text": "x" * 5_001}),
        ("values.text", {"text": "a\0b"}),
        ("sendAt", "tomorrow"),
        ("preview", 1),
    ],
)
def test_what_does_not_fit_is_refused_by_its_path(path: str, value: object) -> None:
    assert broken(SendNotification, SEND | {path.partition(".")[0]: value}) == [path]
