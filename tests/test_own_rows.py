"""What is another's is not there: not to look up, not to change, and in no refusal (rule A3)."""

from typing import Any

import orjson
import pytest

from rpcbackend.app import Application
from rpcbackend.methods import build_registry
from rpcbackend.schema.claims import OwnerType, ResourceType
from rpcbackend.schema.instructors import InstructorState
from rpcbackend.schema.users import Role
from rpcbackend.store import Work
from rpcbackend.testing import CallFailedError, Client
from tests.access_matrix import MATRIX
from tests.callers import connect_as
from tests.factories import NINE, an_id, at, make_claim, make_instructor, make_lesson
from tests.test_matrix import OTHER, PROBES, fill

OWN, UNKNOWN = 1, 77
PEOPLE_S = {"instructorId": "ins", "studentId": "stu", "lessonId": "les"}
"""The ids of rows that have somebody whose own they are."""

CASES = [
    (method.channel, role, name)
    for method in build_registry()
    for role in (Role.INSTRUCTOR, Role.STUDENT)
    for name in (field.alias for field in method.params.model_fields.values())
    if name in PEOPLE_S and MATRIX[method.channel].letters[role] == "o"
    # Comes instead of a student, and has its own tests.
    if (method.channel, name) != ("lessons.searchSlots", "lessonId")
]


@pytest.fixture
async def callers(app: Application) -> dict[Role, Client]:
    """An instructor and a student who have a lesson, beside two others who have one."""

    async def claim(work: Work) -> None:
        for number in (OWN, OTHER):
            for kind in (ResourceType.INSTRUCTOR, ResourceType.STUDENT):
                await work.claims.take(
                    [
                        make_claim(
                            resource_type=kind,
                            resource_id=an_id(kind[:3], number),
                            owner_id=an_id("les", number),
                        )
                    ]
                )

    await app.store.write(fill, actor="tests")
    await app.store.write(claim, actor="tests")
    return {
        Role.INSTRUCTOR: await connect_as(app, 1, Role.INSTRUCTOR, linked_person_id=an_id("ins")),
        Role.STUDENT: await connect_as(app, 2, Role.STUDENT, linked_person_id=an_id("stu")),
        Role.OFFICE: await connect_as(app, 3),
    }


def own(channel: str) -> dict[str, Any]:
    """Return the params of a call about one's own rows."""
    text = orjson.dumps(PROBES[channel]).decode().replace(f"{OTHER:012x}", f"{OWN:012x}")
    params: dict[str, Any] = orjson.loads(text)
    return params


async def answer(client: Client, channel: str, /, **params: Any) -> Any:
    """Call, keep nothing, and return all of the answer that does not differ from call to call."""
    meta = {"dryRun": True} if MATRIX[channel].scopes else {}
    reply = await client.start(channel, params | {"_meta": meta})
    if "error" in reply:
        error = reply["error"]
        return {"code": error["code"], "message": error["message"]} | {
            key: value for key, value in error["data"].items() if key != "correlationId"
        }
    reply["result"].pop("_meta")
    return reply["result"]


def as_if(said: Any, prefix: str, number: int) -> Any:
    """Rewrite an answer about one id to what it would be about another."""
    text = orjson.dumps(said).decode()
    return orjson.loads(text.replace(an_id(prefix, number), an_id(prefix, UNKNOWN)))


def test_every_channel_that_names_rows_of_people_is_tried() -> None:
    assert {channel for channel, _, _ in CASES} == {
        *("consents.get", "consents.set"),
        *("lessons.book", "lessons.cancel", "lessons.get", "lessons.list"),
        *("lessons.reschedule", "lessons.searchSlots"),
        *("students.get", "students.update"),
    }
    assert len(CASES) == 19


@pytest.mark.parametrize(("channel", "role", "name"), CASES)
async def test_the_id_of_another_is_answered_like_one_that_never_was(
    callers: dict[Role, Client], channel: str, role: Role, name: str
) -> None:
    client, prefix = callers[role], PEOPLE_S[name]

    allowed = await answer(client, channel, **own(channel))
    others = await answer(client, channel, **own(channel) | {name: an_id(prefix, OTHER)})
    unknown = await answer(client, channel, **own(channel) | {name: an_id(prefix, UNKNOWN)})

    assert "code" not in allowed
    assert as_if(others, prefix, OTHER) == unknown
    if channel == "lessons.list":
        assert others == {"items": [], "nextCursor": None}
    else:
        entity = {"ins": "instructor", "stu": "student", "les": "lesson"}[prefix]
        assert others["code"] == "NOT_FOUND"
        assert others["details"] == {"entity": entity, "id": an_id(prefix, OTHER)}


# Field rules


@pytest.mark.parametrize(
    ("role", "by", "symbol"),
    [
        (Role.INSTRUCTOR, "instructor", None),
        (Role.INSTRUCTOR, "student", None),
        (Role.INSTRUCTOR, "school", "FORBIDDEN"),
        (Role.STUDENT, "student", None),
        (Role.STUDENT, "instructor", "FORBIDDEN"),
        (Role.STUDENT, "school", "FORBIDDEN"),
        (Role.OFFICE, "instructor", None),
        (Role.OFFICE, "student", None),
        (Role.OFFICE, "school", None),
    ],
)
async def test_a_lesson_is_cancelled_on_one_s_own_side(
    callers: dict[Role, Client], role: Role, by: str, symbol: str | None
) -> None:
    said = await answer(callers[role], "lessons.cancel", **own("lessons.cancel") | {"by": by})

    assert said.get("code") == symbol
    if symbol is None:
        assert said["lesson"]["cancelledBy"] == by


@pytest.mark.parametrize(
    ("role", "changes", "symbol"),
    [
        (Role.INSTRUCTOR, {}, None),
        (Role.INSTRUCTOR, {"instructorId": an_id("ins")}, None),
        (Role.INSTRUCTOR, {"vehicleId": an_id("veh")}, None),
        (Role.INSTRUCTOR, {"instructorId": an_id("ins", OTHER)}, "NOT_FOUND"),
        (Role.STUDENT, {}, "FORBIDDEN"),
        (Role.OFFICE, {"instructorId": an_id("ins", OTHER), "vehicleId": an_id("veh")}, None),
    ],
    ids=str,
)
async def test_an_instructor_keeps_what_he_moves_and_a_student_moves_nothing(
    callers: dict[Role, Client], role: Role, changes: dict[str, Any], symbol: str | None
) -> None:
    params = own("lessons.reschedule") | changes

    said = await answer(callers[role], "lessons.reschedule", **params)

    assert said.get("code") == symbol
    if symbol is None:
        assert said["lesson"] == said["lesson"] | changes | {"startsAt": params["startsAt"]}


async def test_who_gives_a_lesson_away_is_told_that_it_is_no_longer_his(
    app: Application, callers: dict[Role, Client]
) -> None:
    teacher = await connect_as(app, 10, Role.INSTRUCTOR, linked_person_id=an_id("ins"))
    bystander = await connect_as(app, 11, Role.INSTRUCTOR, linked_person_id=an_id("ins", 3))
    for client in (teacher, bystander):
        await client.call("events.subscribe")

    await callers[Role.OFFICE].call(
        "lessons.reschedule",
        lessonId=an_id("les"),
        instructorId=an_id("ins", OTHER),
        startsAt="2026-11-25T09:00:00Z",
    )
    await callers[Role.OFFICE].call(
        "lessons.cancel", lessonId=an_id("les"), by="school", reasonCode="other"
    )

    told = (await teacher.lines.get())["params"]
    assert (told["type"], told["aggregate"]["id"]) == ("lessons.rescheduled", an_id("les"))
    # Where it is now, and with whom, is not for him any more.
    assert told["data"] == {
        "lessonId": an_id("les"),
        "previous": {
            "branchId": an_id("bra"),
            "instructorId": an_id("ins"),
            "vehicleId": None,
            "startsAt": NINE,
            "endsAt": "2026-11-24T10:30:00Z",
        },
    }
    with pytest.raises(CallFailedError):
        await teacher.call("lessons.get", lessonId=an_id("les"))
    assert teacher.lines.empty()
    assert bystander.lines.empty()


@pytest.mark.parametrize(
    ("role", "found"),
    [
        (Role.INSTRUCTOR, {an_id("ins")}),
        (Role.STUDENT, {an_id("ins"), an_id("ins", OTHER)}),
        (Role.OFFICE, {an_id("ins"), an_id("ins", OTHER)}),
    ],
)
async def test_an_instructor_searches_in_his_own_time_and_a_student_in_his(
    callers: dict[Role, Client], role: Role, found: set[str]
) -> None:
    params = PROBES["lessons.searchSlots"] | {"studentId": None}

    slots = (await callers[role].call("lessons.searchSlots", **params))["items"]

    assert {slot["instructorId"] for slot in slots} == found


@pytest.mark.parametrize(
    ("changes", "symbol"),
    [
        ({"email": "new@example.org"}, None),
        ({"phone": "+4930123456", "email": None}, None),
        ({}, None),
        ({"givenName": None}, None),
        ({"givenName": "Eva"}, "FORBIDDEN"),
        ({"familyName": "Byron"}, "FORBIDDEN"),
        ({"bornOn": "2001-01-01", "email": None}, "FORBIDDEN"),
        ({"branchId": an_id("bra")}, "FORBIDDEN"),
        ({"branchId": an_id("bra", UNKNOWN)}, "FORBIDDEN"),
    ],
    ids=str,
)
async def test_a_student_changes_how_he_is_reached_and_nothing_else(
    callers: dict[Role, Client], changes: dict[str, Any], symbol: str | None
) -> None:
    said = await answer(callers[Role.STUDENT], "students.update", studentId=an_id("stu"), **changes)

    assert said.get("code") == symbol
    if symbol is None:
        assert said | changes | {"givenName": "Ada"} == said


async def test_who_is_instructor_and_student_at_once_does_not_gain_by_it(
    app: Application, callers: dict[Role, Client]
) -> None:
    """Each role alone would refuse: together they must not open each other's rows."""
    assert callers
    roles = (Role.INSTRUCTOR, Role.STUDENT)
    teaching = await connect_as(app, 10, *roles, linked_person_id=an_id("ins"))
    learning = await connect_as(app, 11, *roles, linked_person_id=an_id("stu"))

    changed = await answer(teaching, "students.update", studentId=an_id("stu"), phone=None)
    booked = await answer(learning, "lessons.book", **own("lessons.book"))

    assert (changed["code"], changed["details"]["entity"]) == ("NOT_FOUND", "student")
    assert (booked["code"], booked["details"]["entity"]) == ("NOT_FOUND", "instructor")


@pytest.mark.parametrize(("role", "kind"), [(Role.STUDENT, "ins"), (Role.INSTRUCTOR, "stu")])
async def test_who_is_linked_to_a_person_that_does_not_fit_his_role_has_no_rows_of_his_own(
    app: Application, callers: dict[Role, Client], role: Role, kind: str
) -> None:
    """users.save refuses that, but there may be such users from before it did."""
    assert callers
    client = await connect_as(app, 10, role, linked_person_id=an_id(kind))

    for channel in ("lessons.list", "students.list", "instructors.list"):
        assert (await client.call(channel))["items"] == []
    for channel in ("lessons.get", "students.get", "lessons.cancel"):
        assert (await answer(client, channel, **own(channel)))["code"] == "NOT_FOUND"


async def test_who_is_linked_to_nobody_has_no_rows_of_his_own(app: Application) -> None:
    await app.store.write(fill, actor="tests")
    client = await connect_as(app, 1, Role.INSTRUCTOR)

    for channel in ("lessons.list", "students.list", "instructors.list"):
        assert (await client.call(channel))["items"] == []
    view = await client.call("calendar.view", **PROBES["calendar.view"])
    assert (view["resources"], view["items"]) == ([], [])
    span = PROBES["lessons.searchSlots"] | {"studentId": None}
    assert (await client.call("lessons.searchSlots", **span))["items"] == []
    refusing = ("lessons.cancel", "lessons.book", "lessons.reschedule", "lessons.searchSlots")
    for channel in ("lessons.get", "students.get", *refusing):
        assert (await answer(client, channel, **own(channel)))["code"] == "NOT_FOUND"


# Refusals


async def test_a_conflict_with_a_lesson_that_one_may_not_see_says_busy_and_no_more(
    app: Application, callers: dict[Role, Client]
) -> None:
    taught = make_lesson(id=an_id("les", 3), student_id=an_id("stu", OTHER), vehicle_id=None)

    async def teach(work: Work) -> None:
        await work.lessons.put(
            taught.model_copy(
                update={
                    "starts_at": at("2026-11-20T09:00:00Z"),
                    "ends_at": at("2026-11-20T10:00:00Z"),
                }
            )
        )

    await app.store.write(teach, actor="tests")
    await callers[Role.OFFICE].call(
        "lessons.cancel", lessonId=an_id("les"), by="school", reasonCode="other"
    )
    wanted = own("lessons.book") | {"studentId": an_id("stu", OTHER), "startsAt": NINE}

    hidden = await answer(callers[Role.INSTRUCTOR], "lessons.book", **wanted)
    whole = await answer(callers[Role.OFFICE], "lessons.book", **wanted)

    (claim,) = whole["details"]["conflicts"]
    assert whole["code"] == "CONFLICT_STUDENT"
    assert (claim["ownerType"], claim["ownerId"]) == ("lesson", an_id("les", OTHER))
    whole["details"]["conflicts"] = [claim | {"ownerType": None, "ownerId": None}]
    assert hidden == whole


async def test_a_conflict_with_one_s_own_is_told_whole(
    app: Application, callers: dict[Role, Client]
) -> None:
    noon = at("2026-11-24T12:00:00Z")

    async def block(work: Work) -> None:
        await work.claims.take(
            [
                make_claim(
                    starts_at=noon,
                    ends_at=at("2026-11-24T13:00:00Z"),
                    owner_type=OwnerType.BLOCK,
                    owner_id="blo_1",
                )
            ]
        )

    await app.store.write(block, actor="tests")
    client, wanted = callers[Role.INSTRUCTOR], own("lessons.book")

    lesson = await answer(client, "lessons.book", **wanted | {"startsAt": NINE})
    blocked = await answer(client, "lessons.book", **wanted | {"startsAt": "2026-11-24T12:30:00Z"})

    assert {claim["ownerId"] for claim in lesson["details"]["conflicts"]} == {an_id("les")}
    assert [claim["ownerId"] for claim in blocked["details"]["conflicts"]] == ["blo_1"]


# Instructors, as students see them


async def test_a_student_sees_who_teaches_here_but_not_how_to_reach_him(
    app: Application, callers: dict[Role, Client]
) -> None:
    left = make_instructor(id=an_id("ins", 3), state=InstructorState.INACTIVE)
    await app.store.write(lambda work: work.instructors.put(left), actor="tests")

    seen = await callers[Role.STUDENT].call("instructors.list")
    whole = await callers[Role.OFFICE].call("instructors.list")

    assert seen["items"] == [one | {"email": None, "phone": None} for one in whole["items"][:2]]
    assert [one["id"] for one in whole["items"]] == [an_id("ins", n) for n in (1, 2, 3)]
    inactive = await callers[Role.STUDENT].call("instructors.list", state="inactive")
    assert inactive == {"items": []}


async def test_an_instructor_sees_every_vehicle_but_only_his_own_lessons_in_it(
    app: Application, callers: dict[Role, Client]
) -> None:
    async def drive(work: Work) -> None:
        for number in (OWN, OTHER):
            await work.claims.take(
                [
                    make_claim(
                        resource_type=ResourceType.VEHICLE,
                        resource_id=an_id("veh"),
                        starts_at=at(f"2026-11-24T1{number}:00:00Z"),
                        ends_at=at(f"2026-11-24T1{number}:30:00Z"),
                        owner_id=an_id("les", number),
                    )
                ]
            )

    await app.store.write(drive, actor="tests")
    wanted = PROBES["calendar.view"] | {"resourceTypes": ["vehicle"]}

    view = await callers[Role.INSTRUCTOR].call("calendar.view", **wanted)

    assert [one["id"] for one in view["resources"]] == [an_id("veh")]
    assert [one["ownerId"] for one in view["items"]] == [an_id("les", OWN)]
