"""The wire models of users."""

import pytest

from rpcbackend.schema.users import SaveUser, User, UserPage
from tests.factories import an_id
from tests.people import make_user
from tests.schema.fits import broken, written

SAVE = {"login": "ada@example.org", "roles": ["office"]}


def test_a_user_is_read_back_as_he_was_written() -> None:
    user = make_user(linked_person_id=an_id("stu"))

    assert User.model_validate_json(user.model_dump_json()) == user
    assert written(UserPage(items=[user])) == {"items": [written(user)]}


def test_a_new_user_is_active_unless_told_otherwise() -> None:
    assert written(SaveUser.model_validate(SAVE)) == SAVE | {
        "userId": None,
        "linkedPersonId": None,
        "status": "active",
        "expectedVersion": None,
    }
    assert broken(SaveUser, {}) == ["login", "roles"]


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"login": ""}, "login"),
        ({"login": "x" * 255}, "login"),
        ({"login": "a\u0000b"}, "login"),
        ({"roles": []}, "roles"),
        ({"roles": ["admin"]}, "roles.0"),
        ({"status": "locked"}, "status"),
        ({"password": "x"}, "password"),
        ({"hasMfa": False}, "hasMfa"),
        ({"version": 2}, "version"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_by_its_path(given: dict[str, object], path: str) -> None:
    """Nor is anything assigned that only the server decides."""
    assert broken(SaveUser, SAVE | given) == [path]


@pytest.mark.parametrize("person", [an_id("usr"), an_id("veh"), "ins_1", ""])
def test_a_user_is_linked_to_an_instructor_or_a_student(person: str) -> None:
    assert broken(SaveUser, SAVE | {"linkedPersonId": person})
