"""What the students.* channels answer."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from rpcbackend.store import Store
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, FrozenClock, running_app
from tests.factories import School, an_id, create_student, events_in, save_branch, told_of
from tests.methods.pages import all_pages, page_sizes


async def test_a_new_student_is_answered_whole_and_told_of_without_a_name(
    client: Client, store: Store
) -> None:
    branch = await save_branch(client)

    created = await client.call(
        "students.create",
        branchId=branch["id"],
        givenName="Ada",
        familyName="Byron",
        bornOn="2007-12-10",
        email="ada@example.org",
        phone="+441234567",
    )

    student_id = created["student"]["id"]
    student = {
        "id": student_id,
        "branchId": branch["id"],
        "givenName": "Ada",
        "familyName": "Byron",
        "bornOn": "2007-12-10",
        "email": "ada@example.org",
        "phone": "+441234567",
        "language": None,
        "state": "active",
        "createdAt": "2026-11-23T08:00:00Z",
        "version": 1,
    }
    assert created == {"student": student, "duplicates": []}
    assert await client.call("students.get", studentId=student_id) == student
    aggregate = {"type": "student", "id": student_id, "version": 1}
    data = {"studentId": student_id, "state": "active"}
    assert await told_of(store, 1) == [("students.created", aggregate, data)]


async def test_an_enquiry_is_told_of_as_one(client: Client, store: Store) -> None:
    branch = await save_branch(client)

    student = await create_student(client, branch["id"], state="enquiry")

    aggregate = {"type": "student", "id": student["id"], "version": 1}
    data = {"studentId": student["id"], "state": "enquiry"}
    assert await told_of(store, 1) == [("students.enquiry_created", aggregate, data)]


async def test_a_namesake_with_the_same_birthday_is_named_and_created_all_the_same(
    client: Client,
) -> None:
    branch = await save_branch(client)
    first = await create_student(client, branch["id"], givenName="Zoë", familyName="Groß")
    await create_student(
        client, branch["id"], givenName="Zoë", familyName="Groß", bornOn="2001-01-01"
    )

    created = await client.call(
        "students.create",
        branchId=branch["id"],
        givenName="ZOE",
        familyName="Gross",
        bornOn=first["bornOn"],
    )

    assert created["duplicates"] == [first]
    assert created["student"]["id"] != first["id"]


async def test_nobody_begins_as_a_graduate(client: Client, store: Store) -> None:
    branch = await save_branch(client)

    with pytest.raises(CallFailedError) as failed:
        await create_student(client, branch["id"], state="graduated")

    assert failed.value.symbol == "INVALID_TRANSITION"
    assert failed.value.details == {
        "from": None,
        "to": "graduated",
        "allowed": ["active", "enquiry"],
    }
    assert store.head_seq == 1


async def test_a_student_needs_a_branch(client: Client, store: Store) -> None:
    with pytest.raises(CallFailedError) as failed:
        await create_student(client, an_id("bra"))

    assert failed.value.symbol == "NOT_FOUND"
    assert failed.value.details == {"entity": "branch", "id": an_id("bra")}
    assert await events_in(store) == []


async def test_get_of_an_unknown_id_is_not_found(client: Client) -> None:
    with pytest.raises(CallFailedError) as failed:
        await client.call("students.get", studentId=an_id("stu"))

    assert failed.value.code == 1102
    assert failed.value.symbol == "NOT_FOUND"
    assert failed.value.details == {"entity": "student", "id": an_id("stu")}


# students.update


async def test_an_update_changes_what_is_given_and_leaves_the_rest(
    client: Client, store: Store
) -> None:
    branch = await save_branch(client)
    other = await save_branch(client, name="Nord")
    old = await create_student(client, branch["id"], email="ada@example.org", phone="+441234567")
    before = store.head_seq

    new = await client.call(
        "students.update", studentId=old["id"], familyName="King", branchId=other["id"], email=None
    )

    changes = {"familyName": "King", "branchId": other["id"], "email": None, "version": 2}
    assert new == old | changes
    assert await client.call("students.get", studentId=old["id"]) == new
    assert await client.call("students.list", text="king") == {"items": [new], "nextCursor": None}
    assert await client.call("students.list", text="byron") == {"items": [], "nextCursor": None}
    aggregate = {"type": "student", "id": old["id"], "version": 2}
    data = {"studentId": old["id"], "state": "active"}
    assert await told_of(store, before) == [("students.updated", aggregate, data)]


@pytest.mark.parametrize("field", ["givenName", "familyName", "bornOn", "branchId"])
async def test_what_a_student_must_have_is_not_taken_away_by_null(
    client: Client, field: str
) -> None:
    student = await create_student(client, (await save_branch(client))["id"])

    updated = await client.call("students.update", studentId=student["id"], **{field: None})

    assert updated == student | {"version": 2}


async def test_a_student_cannot_be_updated_by_who_saw_another_version(client: Client) -> None:
    student = await create_student(client, (await save_branch(client))["id"])

    with pytest.raises(CallFailedError) as failed:
        await client.call(
            "students.update", studentId=student["id"], givenName="Eva", expectedVersion=2
        )

    assert failed.value.symbol == "VERSION_CONFLICT"
    assert failed.value.details == {"expected": 2, "current": 1}
    assert await client.call("students.get", studentId=student["id"]) == student


@pytest.mark.parametrize("missing", ["branch", "student"])
async def test_an_update_needs_the_student_and_his_new_branch(client: Client, missing: str) -> None:
    student = await create_student(client, (await save_branch(client))["id"])
    params = {
        "branch": {"studentId": student["id"], "branchId": an_id("bra")},
        "student": {"studentId": an_id("stu")},
    }

    with pytest.raises(CallFailedError) as failed:
        await client.call("students.update", **params[missing])

    assert failed.value.symbol == "NOT_FOUND"
    assert failed.value.details == {"entity": missing, "id": an_id(missing[:3])}


# students.transition

LIFE = [
    ("active", "students.activated"),
    ("paused", "students.paused"),
    ("active", "students.activated"),
    ("graduated", "students.graduated"),
    ("active", "students.activated"),
    ("withdrawn", "students.withdrawn"),
    ("archived", "students.archived"),
]


async def test_a_student_goes_through_life_and_every_step_is_told_of(
    client: Client, store: Store
) -> None:
    branch = await save_branch(client)
    student = await create_student(client, branch["id"], state="enquiry")
    before = store.head_seq

    steps = [
        await client.call("students.transition", studentId=student["id"], to=state)
        for state, _ in LIFE
    ]

    assert steps == [
        student | {"state": state, "version": version}
        for version, (state, _) in enumerate(LIFE, start=2)
    ]
    assert await told_of(store, before) == [
        (
            event,
            {"type": "student", "id": student["id"], "version": version},
            {"studentId": student["id"], "state": state},
        )
        for version, (state, event) in enumerate(LIFE, start=2)
    ]


async def test_a_lost_enquiry_may_be_reopened(client: Client, store: Store) -> None:
    branch = await save_branch(client)
    student = await create_student(client, branch["id"], state="enquiry")
    before = store.head_seq

    for state in ("lost", "enquiry"):
        await client.call("students.transition", studentId=student["id"], to=state)

    told = await told_of(store, before)
    assert [event for event, _, _ in told] == ["students.lost", "students.enquiry_reopened"]


async def test_a_step_that_life_does_not_allow_is_refused(client: Client, store: Store) -> None:
    student = await create_student(client, (await save_branch(client))["id"])
    before = store.head_seq

    with pytest.raises(CallFailedError) as failed:
        await client.call("students.transition", studentId=student["id"], to="archived")

    assert failed.value.symbol == "INVALID_TRANSITION"
    assert failed.value.details == {
        "from": "active",
        "to": "archived",
        "allowed": ["graduated", "paused", "withdrawn"],
    }
    assert store.head_seq == before


@pytest.mark.parametrize("to", ["graduated", "withdrawn"])
async def test_nobody_leaves_who_still_has_lessons_to_come(client: Client, to: str) -> None:
    school = await School(client).open()
    lesson = await school.book()

    with pytest.raises(CallFailedError) as failed:
        await client.call("students.transition", studentId=school.student["id"], to=to)

    assert failed.value.symbol == "IN_USE"
    assert failed.value.details == {"referrers": [lesson["id"]]}


async def test_lessons_that_are_over_keep_nobody_at_the_school(
    client: Client, clock: FrozenClock
) -> None:
    school = await School(client).open()
    await school.book()
    clock.advance(3 * 24 * 3600)

    left = await client.call("students.transition", studentId=school.student["id"], to="graduated")

    assert left == school.student | {"state": "graduated", "version": 2}


async def test_a_step_is_refused_to_who_saw_another_version(client: Client) -> None:
    student = await create_student(client, (await save_branch(client))["id"])

    with pytest.raises(CallFailedError) as failed:
        await client.call(
            "students.transition", studentId=student["id"], to="paused", expectedVersion=9
        )

    assert failed.value.symbol == "VERSION_CONFLICT"


async def test_an_unknown_student_takes_no_step(client: Client) -> None:
    with pytest.raises(CallFailedError) as failed:
        await client.call("students.transition", studentId=an_id("stu"), to="paused")

    assert failed.value.symbol == "NOT_FOUND"


# students.list


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("zoe", ["Zoë"]),
        ("ZOË", ["Zoë"]),
        ("groß", ["Zoë", "GROSS"]),
        ("gross", ["Zoë", "GROSS"]),
        ("gro zo", ["Zoë"]),
        ("  ", ["Zoë", "GROSS", "Émile", "عائشة"]),
        ("emile", ["Émile"]),
        ("عائشة", ["عائشة"]),
        ("%", []),
        ("_", []),
        ("' OR 1=1 --", []),
        ("zoe emile", []),
    ],
)
async def test_a_search_finds_words_whatever_their_accents_and_case(
    client: Client, text: str, found: list[str]
) -> None:
    branch = await save_branch(client)
    for given_name, family_name in [
        ("Zoë", "Groß"),
        ("GROSS", "I"),
        ("Émile", "Zola"),
        ("عائشة", "ب"),
    ]:
        await create_student(client, branch["id"], givenName=given_name, familyName=family_name)

    page = await client.call("students.list", text=text)

    assert sorted(item["givenName"] for item in page["items"]) == sorted(found)


async def test_students_are_narrowed_by_branch_and_state(client: Client) -> None:
    north, south = [await save_branch(client, name=name) for name in ("Nord", "Süd")]
    ada = await create_student(client, north["id"])
    eva = await create_student(client, south["id"], givenName="Eva", state="enquiry")

    async def listed(**params: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await client.call("students.list", **params))["items"]
        return items

    assert await listed() == [ada, eva]
    assert await listed(branchId=north["id"]) == [ada]
    assert await listed(state="enquiry") == [eva]
    assert await listed(state="enquiry", branchId=north["id"]) == []


NAMES = some.sampled_from(["Ada", "ada", "Zoë", "Ö", "Łukasz", "O'Neil", '"', "李", "ع", "x" * 200])


@settings(max_examples=30)
@given(people=some.lists(some.tuples(NAMES, NAMES), max_size=12), limit=some.integers(1, 5))
async def test_pages_hold_every_student_once_in_the_order_of_names(
    people: list[tuple[str, str]], limit: int
) -> None:
    async with running_app(surroundings=Surroundings(clock=FrozenClock())) as app:
        client = Client(app)
        branch = await save_branch(client)
        created = [
            await create_student(client, branch["id"], familyName=family, givenName=given)
            for family, given in people
        ]

        listed, sizes = await all_pages(client, "students.list", limit)

        # Code point order equals the byte order of UTF-8, which is the database's.
        key = "familyName", "givenName", "id"
        assert listed == sorted(created, key=lambda one: [one[name] for name in key])
        assert sizes == page_sizes(len(people), limit)


@pytest.mark.parametrize("name", ["ก" * 200, "😀" * 200, '"' * 200, "x" * 200])
async def test_pages_go_on_however_long_the_names_are(client: Client, name: str) -> None:
    branch = await save_branch(client)
    for _ in range(3):
        await create_student(client, branch["id"], givenName=name, familyName=name)

    listed, sizes = await all_pages(client, "students.list", 1)

    assert len({student["id"] for student in listed}) == 3
    assert sizes == [1, 1, 1]


@pytest.mark.parametrize("cursor", ["x", "!", "bnVsbA", "WzEsMl0", "äöü"])
async def test_a_cursor_of_another_list_is_refused(client: Client, cursor: str) -> None:
    with pytest.raises(CallFailedError) as failed:
        await client.call("students.list", cursor=cursor)

    assert failed.value.symbol == "CURSOR_INVALID"
