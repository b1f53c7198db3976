"""What the consents.* channels answer; what follows from a consent stands in tests/notices/."""

from typing import Any

import pytest

from rpcbackend.app import Application
from rpcbackend.schema.users import Role
from rpcbackend.store import Store
from rpcbackend.testing import Client, FrozenClock
from tests.clauses import clause
from tests.factories import School, an_id, told_of
from tests.people import add_role, refused, signed_in

USUAL = {
    ("lessons", "mail"): True,
    ("lessons", "sms"): False,
    ("payments", "mail"): True,
    ("payments", "sms"): False,
    ("marketing", "mail"): False,
    ("marketing", "sms"): False,
}


def saying(student_id: str, **given: Any) -> dict[str, Any]:
    fields = {
        "studentId": student_id,
        "purpose": "marketing",
        "channel": "mail",
        "isGranted": True,
        "source": "paper",
        "textVersion": "2026-11",
    }
    return fields | given


def standing(view: dict[str, Any]) -> dict[tuple[str, str], bool]:
    return {(one["purpose"], one["channel"]): one["isGranted"] for one in view["present"]}


async def test_who_said_nothing_agrees_to_what_is_usual(client: Client) -> None:
    school = await School(client).open()

    view = await client.call("consents.get", studentId=school.student["id"])

    assert (view["studentId"], view["history"]) == (school.student["id"], [])
    assert standing(view) == USUAL
    assert {one["isRecorded"] for one in view["present"]} == {False}


@clause("messages-consent")
async def test_what_is_said_is_answered_with_all_that_was_and_told_of(
    client: Client, store: Store, clock: FrozenClock
) -> None:
    school = await School(client).open()
    student_id, before = school.student["id"], store.head_seq

    first = await client.call("consents.set", **saying(student_id))
    clock.advance(60)
    second = await client.call("consents.set", **saying(student_id, isGranted=False))

    newest, oldest = second["history"]
    assert (
        oldest
        == first["history"][0]
        == {
            "id": oldest["id"],
            **saying(student_id),
            "recordedAt": "2026-11-23T08:00:00Z",
            "actor": "local",
            "version": 1,
        }
    )
    assert newest["recordedAt"] == "2026-11-23T08:01:00Z"
    assert (newest["isGranted"], newest["version"]) == (False, 2)
    assert standing(first) == USUAL | {("marketing", "mail"): True}
    assert standing(second) == USUAL
    assert await client.call("consents.get", studentId=student_id) == second
    told = {"studentId": student_id, "purpose": "marketing", "channel": "mail"}
    assert await told_of(store, before) == [
        (
            "consents.changed",
            {"type": "consent", "id": consent["id"], "version": consent["version"]},
            told | {"isGranted": consent["isGranted"]},
        )
        for consent in (oldest, newest)
    ]


async def test_what_was_said_last_is_not_recorded_again(client: Client, store: Store) -> None:
    school = await School(client).open()
    first = await client.call("consents.set", **saying(school.student["id"]))
    before = store.head_seq

    again = await client.call("consents.set", **saying(school.student["id"]))
    other = await client.call("consents.set", **saying(school.student["id"], textVersion="2027"))

    assert again == first
    assert [one["version"] for one in other["history"]] == [2, 1]
    assert len(await told_of(store, before)) == 1


async def test_a_dry_run_records_nothing(client: Client) -> None:
    school = await School(client).open()

    shown = await client.call(
        "consents.set", **saying(school.student["id"], _meta={"dryRun": True})
    )

    assert standing(shown)["marketing", "mail"] is True
    view = await client.call("consents.get", studentId=school.student["id"])
    assert view["history"] == []


async def test_of_a_student_that_there_is_not_nothing_can_be_said(client: Client) -> None:
    unknown = an_id("stu", 9)

    assert await refused(client, "consents.get", studentId=unknown) == "NOT_FOUND"
    assert await refused(client, "consents.set", **saying(unknown)) == "NOT_FOUND"


async def test_a_student_says_himself_what_he_agrees_to(app: Application, client: Client) -> None:
    school = await School(client).open()
    await add_role(app, Role.OWNER)
    student = await signed_in(app, Role.STUDENT, school.student["id"])

    view = await student.call("consents.set", **saying(school.student["id"], source="app"))

    assert view["history"][0]["source"] == "app"
    assert view["history"][0]["actor"].startswith("usr_")
    assert await refused(student, "consents.set", **saying(an_id("stu", 9))) == "NOT_FOUND"


@pytest.mark.parametrize("source", ["desk", "paper", "phone", "import"])
async def test_a_student_cannot_say_that_the_office_heard_it(
    app: Application, client: Client, source: str
) -> None:
    school = await School(client).open()
    await add_role(app, Role.OWNER)
    student = await signed_in(app, Role.STUDENT, school.student["id"])
    said = saying(school.student["id"], source=source)

    assert await refused(student, "consents.set", **said) == "FORBIDDEN"

    view = await student.call("consents.get", studentId=school.student["id"])
    assert view["history"] == []
