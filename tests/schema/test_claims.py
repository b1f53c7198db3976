"""The wire model of claims."""

from hypothesis import given

from rpcbackend.schema.claims import Claim, OwnerType, ResourceType
from tests.entities import claims
from tests.factories import an_id, make_claim
from tests.schema.fits import written


@given(claim=claims())
def test_a_claim_is_read_back_as_it_was_written(claim: Claim) -> None:
    assert Claim.model_validate_json(claim.model_dump_json()) == claim


def test_a_claim_says_who_when_and_for_what() -> None:
    assert written(make_claim()) == {
        "resourceType": "instructor",
        "resourceId": an_id("ins"),
        "startsAt": "2026-11-24T09:00:00Z",
        "endsAt": "2026-11-24T10:30:00Z",
        "ownerType": "lesson",
        "ownerId": an_id("les"),
    }


def test_what_can_be_busy_and_with_what_is_what_the_design_says() -> None:
    """Rule K2, and the order in which a conflict is named."""
    assert list(ResourceType) == ["instructor", "vehicle", "student", "room"]
    assert set(OwnerType) == {
        "lesson",
        "class",
        "exam",
        "time_off",
        "work_order",
        "block",
        "external",
        "worktime",
    }
