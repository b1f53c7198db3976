"""What the instructors.* channels answer."""

import pytest

from rpcbackend.store import Store
from rpcbackend.testing import CallFailedError, Client
from tests.factories import School, an_id, save_branch, save_instructor, told_of


async def test_a_new_instructor_is_answered_whole_and_told_of_without_a_name(
    client: Client, store: Store
) -> None:
    branch = await save_branch(client)

    saved = await save_instructor(
        client, branch["id"], email="ines@fs.example", phone="+4930123456", categories=["B", "BE"]
    )

    assert saved == {
        "id": saved["id"],
        "branchId": branch["id"],
        "givenName": "Ines",
        "familyName": "Kraft",
        "email": "ines@fs.example",
        "phone": "+4930123456",
        "categories": ["B", "BE"],
        "engagement": "employee",
        "state": "active",
        "version": 1,
    }
    aggregate = {"type": "instructor", "id": saved["id"], "version": 1}
    data = {"instructorId": saved["id"], "state": "active"}
    assert await told_of(store, 1) == [("instructors.saved", aggregate, data)]


async def test_an_instructor_who_leaves_is_told_of_as_deactivated(
    client: Client, store: Store
) -> None:
    branch = await save_branch(client)
    old = await save_instructor(client, branch["id"])
    before = store.head_seq

    new = await save_instructor(
        client, branch["id"], instructorId=old["id"], state="inactive", expectedVersion=1
    )

    assert new == old | {"state": "inactive", "version": 2}
    aggregate = {"type": "instructor", "id": old["id"], "version": 2}
    data = {"instructorId": old["id"], "state": "inactive"}
    assert await told_of(store, before) == [("instructors.deactivated", aggregate, data)]


async def test_an_instructor_who_still_has_lessons_to_give_cannot_leave(
    client: Client, store: Store
) -> None:
    school = await School(client).open()
    lesson = await school.book()
    before = store.head_seq
    leaving = {"instructorId": school.instructor["id"], "state": "inactive"}

    with pytest.raises(CallFailedError) as failed:
        await save_instructor(client, school.branch["id"], **leaving)

    assert failed.value.symbol == "IN_USE"
    assert failed.value.details == {"referrers": [lesson["id"]]}
    assert store.head_seq == before

    await client.call(
        "lessons.cancel", lessonId=lesson["id"], by="instructor", reasonCode="illness"
    )

    assert (await save_instructor(client, school.branch["id"], **leaving))["state"] == "inactive"


async def test_instructors_are_listed_by_name_and_narrowed_by_branch_and_state(
    client: Client,
) -> None:
    north, south = [await save_branch(client, name=name) for name in ("Nord", "Süd")]
    zoe = await save_instructor(client, north["id"], givenName="Zoë", familyName="Adler")
    ben = await save_instructor(client, south["id"], givenName="Ben", familyName="Adler")
    gone = await save_instructor(client, north["id"], familyName="Berg", state="inactive")

    assert await client.call("instructors.list") == {"items": [ben, zoe, gone]}
    assert await client.call("instructors.list", state="active") == {"items": [ben, zoe]}
    assert await client.call("instructors.list", branchId=north["id"]) == {"items": [zoe, gone]}
    assert await client.call("instructors.list", branchId=north["id"], state="active") == {
        "items": [zoe]
    }
    assert await client.call("instructors.list", branchId=an_id("bra")) == {"items": []}


async def test_an_instructor_cannot_be_changed_by_who_saw_another_version(client: Client) -> None:
    branch = await save_branch(client)
    saved = await save_instructor(client, branch["id"])

    with pytest.raises(CallFailedError) as failed:
        await save_instructor(client, branch["id"], instructorId=saved["id"], expectedVersion=7)

    assert failed.value.symbol == "VERSION_CONFLICT"
    assert failed.value.details == {"expected": 7, "current": 1}


@pytest.mark.parametrize("missing", ["branch", "instructor"])
async def test_an_instructor_needs_a_branch_and_his_own_record(
    client: Client, missing: str
) -> None:
    branch_id = (await save_branch(client))["id"] if missing != "branch" else an_id("bra")
    given = {"instructorId": an_id("ins")} if missing == "instructor" else {}

    with pytest.raises(CallFailedError) as failed:
        await save_instructor(client, branch_id, **given)

    assert failed.value.symbol == "NOT_FOUND"
    assert failed.value.details == {"entity": missing, "id": an_id(missing[:3])}
