"""Which texts a field of the contract can hold."""

import pytest

from rpcbackend.transcripts.fitting import Fields
from tests.factories import an_id

FIELDS = Fields()


@pytest.mark.parametrize(
    ("model", "field", "text", "fits"),
    [
        ("TransitionStudent", "studentId", an_id("stu"), True),
        ("TransitionStudent", "studentId", "Ada Byron", False),
        ("TransitionStudent", "studentId", f"{an_id('stu')} Ada", False),
        ("TransitionStudent", "to", "archived", True),
        ("TransitionStudent", "to", "Ada", False),
        ("TransitionStudent", "expectedVersion", "Ada", False),
        ("BookLesson", "vehicleId", an_id("veh"), True),
        ("BookLesson", "startsAt", "2026-11-24T09:00:00Z", True),
        ("BookLesson", "startsAt", "tomorrow, says Ada", False),
        ("SaveBranch", "name", "Mitte", True),
        ("Nobody", "name", "Ada", False),
        ("SaveBranch", "nobody", "Ada", False),
    ],
)
def test_a_text_fits_where_the_contract_has_its_form(
    model: str, field: str, text: str, fits: bool
) -> None:
    assert FIELDS.can_hold(model, field, text) is fits


def test_items_are_asked_about_as_items() -> None:
    assert FIELDS.can_hold("SaveUser", "roles", "owner", is_item=True)
    assert not FIELDS.can_hold("SaveUser", "roles", "owner")
    assert not FIELDS.can_hold("SaveUser", "roles", "Ada", is_item=True)
