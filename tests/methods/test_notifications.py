"""What notifications.send answers, sends, and refuses."""

from typing import Any

import pytest

from rpcbackend.app import Application
from rpcbackend.schema.users import Role
from rpcbackend.store import Store
from rpcbackend.testing import CallFailedError, Client, FrozenClock
from tests.clauses import clause
from tests.factories import NINE, School, create_student, keyed, save_instructor, told_of
from tests.notices.desk import agree, cancel, open_school
from tests.notices.outbox import outbox_of, waiting_in
from tests.people import add_role, refused, sign_in, signed_in, with_token

MESSAGE = {
    "template": "message",
    "channel": "mail",
    "values": {"subject": "Closed", "text": "We are closed on Friday."},
}
LINK = {"amount": "55,00 €", "description": "eine Fahrstunde", "link": "https://pay.example/1"}


@pytest.fixture
async def school(client: Client) -> School:
    """A school whose student has a mail address."""
    return await open_school(client)


async def failure(client: Client, **params: Any) -> tuple[str, Any]:
    with pytest.raises(CallFailedError) as failed:
        await client.call("notifications.send", **params)
    return failed.value.symbol, failed.value.details


# To students


async def test_a_message_waits_for_each_student_and_is_told_of(
    client: Client, store: Store, school: School
) -> None:
    eva = await create_student(client, school.branch["id"], email="eva@example.org", language="en")
    before = store.head_seq
    ids = [school.student["id"], eva["id"], school.student["id"]]

    sent = await client.call("notifications.send", studentIds=ids, **MESSAGE)

    first, second = await outbox_of(store)
    assert sent["items"] == [
        {
            "studentId": student["id"],
            "lessonId": None,
            "messageId": row.id,
            "sendAt": "2026-11-23T08:00:00Z",
            "content": None,
        }
        for student, row in ((school.student, first), (eva, second))
    ]
    assert first.payload == {
        "subject": "Closed",
        "text": "Hallo Ada,\n\nWe are closed on Friday.\n\nMitte",
        "language": "de",
    }
    assert second.payload["text"].startswith("Hello Ada,")
    assert first.key.startswith(f"{school.student['id']}/lessons/ntf_")
    assert (first.not_after, first.quiet) == (None, ["Europe/Berlin", "21:00", "08:00"])
    assert await told_of(store, before) == [
        (
            "messages.queued",
            {"type": "message", "id": row.id, "version": 1},
            {"messageId": row.id, "channel": "mail", "studentId": student["id"]},
        )
        for student, row in ((school.student, first), (eva, second))
    ]


async def test_a_preview_shows_what_each_would_read_and_sends_nothing(
    client: Client, store: Store, school: School
) -> None:
    wanted = MESSAGE | {"studentIds": [school.student["id"]], "preview": True}
    before = store.head_seq, store.audit_head

    shown = await client.call("notifications.send", **wanted)

    assert shown["items"] == [
        {
            "studentId": school.student["id"],
            "lessonId": None,
            "messageId": None,
            "sendAt": "2026-11-23T08:00:00Z",
            "content": {
                "subject": "Closed",
                "text": "Hallo Ada,\n\nWe are closed on Friday.\n\nMitte",
            },
        }
    ]
    assert (store.head_seq, store.audit_head) == before
    assert await outbox_of(store) == []


async def test_a_call_that_comes_again_by_its_key_sends_once(
    client: Client, store: Store, school: School
) -> None:
    wanted = MESSAGE | {"studentIds": [school.student["id"]]} | keyed()

    first = await client.call("notifications.send", **wanted)
    second = await client.call("notifications.send", **wanted)

    assert first == second
    assert len(await outbox_of(store)) == 1


@pytest.mark.parametrize(
    ("send_at", "sent_at"),
    [
        ("2026-11-25T12:00:00Z", "2026-11-25T12:00:00Z"),
        ("2026-11-25T22:00:00Z", "2026-11-26T07:00:00Z"),
        ("2026-11-22T12:00:00Z", "2026-11-23T08:00:00Z"),
    ],
    ids=["then", "when the night is over", "now if then is over"],
)
@clause("messages-quiet-hours")
async def test_a_message_goes_when_it_is_wanted_and_he_is_not_to_be_left_alone(
    client: Client, store: Store, school: School, send_at: str, sent_at: str
) -> None:
    sent = await client.call(
        "notifications.send", studentIds=[school.student["id"]], **MESSAGE, sendAt=send_at
    )

    assert [one["sendAt"] for one in sent["items"]] == [sent_at]
    assert [row[2] for row in await waiting_in(store)] == [sent_at]


async def test_a_payment_link_is_about_payments(
    client: Client, store: Store, school: School
) -> None:
    await client.call(
        "notifications.send",
        studentIds=[school.student["id"]],
        template="payment_link",
        channel="mail",
        values=LINK,
    )

    (row,) = await outbox_of(store)
    assert row.payload["subject"] == "Bitte um Zahlung von 55,00 €"
    assert "\nhttps://pay.example/1\n" in row.payload["text"]
    assert row.key.startswith(f"{school.student['id']}/payments/")


async def test_what_stands_in_a_value_is_never_filled_in(
    client: Client, store: Store, school: School
) -> None:
    values = {"subject": "{familyName}\nBcc: eva@example.org", "text": "{familyName}"}

    await client.call(
        "notifications.send", studentIds=[school.student["id"]], **MESSAGE | {"values": values}
    )

    (row,) = await outbox_of(store)
    assert row.payload["subject"] == "{familyName} Bcc: eva@example.org"
    assert row.payload["text"] == "Hallo Ada,\n\n{familyName}\n\nMitte"


# Of lessons


async def test_the_students_of_lessons_are_each_told_once(client: Client, school: School) -> None:
    eva = await create_student(client, school.branch["id"], email="eva@example.org")
    lessons = [
        await school.book(),
        await school.book(startsAt="2026-11-24T12:00:00Z"),
        await school.book(startsAt="2026-11-24T15:00:00Z", studentId=eva["id"]),
    ]

    sent = await client.call(
        "notifications.send", lessonIds=[one["id"] for one in lessons], **MESSAGE
    )

    assert [one["studentId"] for one in sent["items"]] == [school.student["id"], eva["id"]]


async def test_a_reminder_can_be_sent_by_hand_and_goes_with_its_lesson(
    client: Client, store: Store, school: School
) -> None:
    lesson = await school.book()
    wanted = {"lessonIds": [lesson["id"]], "template": "lesson_reminder", "channel": "mail"}

    sent = await client.call("notifications.send", **wanted, sendAt="2026-11-23T20:30:00Z")

    assert sent["items"][0]["lessonId"] == lesson["id"]
    (row,) = await outbox_of(store)
    assert (row.at, row.not_after) == ("2026-11-24T07:00:00Z", NINE)
    assert row.payload["subject"] == "Deine Fahrstunde am Di, 24.11. um 10:00 Uhr"
    await cancel(client, lesson, "student")
    assert await waiting_in(store) == []


async def test_that_a_lesson_is_off_can_be_said_again(
    client: Client, store: Store, school: School
) -> None:
    lesson = await school.book()
    wanted = {"lessonIds": [lesson["id"]], "template": "lesson_cancelled", "channel": "mail"}
    early = await failure(client, **wanted)
    await cancel(client, lesson)

    await client.call("notifications.send", **wanted)

    assert early[1] == {"rule": "lesson.cancelled", "lessonIds": [lesson["id"]]}
    assert [row.template for row in await outbox_of(store, "queued")] == ["lesson_cancelled"] * 2


async def test_of_what_is_over_or_too_late_nobody_is_reminded(
    client: Client, school: School, clock: FrozenClock
) -> None:
    lesson, off = await school.book(), await school.book(startsAt="2026-11-25T09:00:00Z")
    await cancel(client, off)
    wanted = {"template": "lesson_reminder", "channel": "mail"}

    late = await failure(client, **wanted, lessonIds=[lesson["id"]], sendAt=NINE)
    over = await failure(client, **wanted, lessonIds=[off["id"], lesson["id"]])
    clock.advance(25 * 3_600)
    begun = await failure(client, **wanted, lessonIds=[lesson["id"]])

    assert late[1] == {"rule": "lesson.in_time", "lessonIds": [lesson["id"]]}
    assert over == ("PREREQUISITE_MISSING", {"rule": "lesson.ahead", "lessonIds": [off["id"]]})
    assert begun[1] == {"rule": "lesson.ahead", "lessonIds": [lesson["id"]]}


# Refusals


@clause("messages-consent")
async def test_who_has_not_agreed_is_named_and_nobody_is_written_to(
    client: Client, store: Store, school: School
) -> None:
    eva = await create_student(client, school.branch["id"], email="eva@example.org")
    await agree(client, school, "mail", purpose="marketing")
    ids = [school.student["id"], eva["id"]]

    refusal = await failure(client, studentIds=ids, **MESSAGE, purpose="marketing")

    told = {"purpose": "marketing", "channel": "mail", "studentIds": [eva["id"]]}
    assert refusal == ("CONSENT_MISSING", told)
    assert await outbox_of(store) == []


async def test_who_cannot_be_reached_or_is_gone_is_named(client: Client, school: School) -> None:
    await agree(client, school)
    student_id = school.student["id"]
    by_sms = MESSAGE | {"channel": "sms", "values": {"text": "Closed."}}

    unreached = await failure(client, studentIds=[student_id], **by_sms)
    for state in ("graduated", "archived"):
        await client.call("students.transition", studentId=student_id, to=state)
    gone = await failure(client, studentIds=[student_id], **MESSAGE)

    assert unreached == (
        "PREREQUISITE_MISSING",
        {"rule": "student.reachable", "studentIds": [student_id], "channel": "sms"},
    )
    assert gone[1] == {"rule": "student.not_archived", "studentIds": [student_id]}


@pytest.mark.parametrize(
    ("given", "details"),
    [
        ({"values": {"text": "x"}}, {"missing": ["subject"], "unknown": []}),
        (
            {"values": {"subject": " ", "text": "x", "givenName": "Eva"}},
            {"missing": ["subject"], "unknown": ["givenName"]},
        ),
        (
            {"template": "payment_link", "values": {"amount": "1 €"}},
            {"missing": ["description", "link"], "unknown": []},
        ),
        (
            {"values": {"subject": "x", "text": "x", "Liebe Frau Beispiel": "x", "x" * 3_000: "y"}},
            {"missing": [], "unknown": ["{…}"]},
        ),
    ],
    ids=["no subject", "unknown and blank", "no link", "no names"],
)
async def test_other_values_than_the_template_needs_are_named(
    client: Client, school: School, given: dict[str, Any], details: dict[str, Any]
) -> None:
    refusal = await failure(client, studentIds=[school.student["id"]], **MESSAGE | given)

    assert refusal == ("TEMPLATE_ERROR", details)


@pytest.mark.parametrize(
    ("text", "parts"),
    [("x" * 1_525, 11), ("ж" * 665, 11), ("x" * 1_524 + "“", 23)],
    ids=["plain", "other letters", "one other sign"],
)
async def test_an_sms_of_too_many_parts_is_refused_before_it_waits_and_says_how_many(
    client: Client, store: Store, school: School, text: str, parts: int
) -> None:
    """`Mitte` and a space follow; 1,530 characters are ten parts, or 670 of other alphabets."""
    student_id = school.student["id"]
    await client.call("students.update", studentId=student_id, phone="+4915112345678")
    await agree(client, school)
    wanted = {"studentIds": [student_id], "template": "message", "channel": "sms"}

    for given in ({}, {"preview": True}):
        refusal = await failure(client, **wanted, **given, values={"text": text})
        assert refusal == (
            "TEMPLATE_ERROR",
            {"segments": parts, "most": 10, "studentIds": [student_id]},
        )

    assert await outbox_of(store) == []
    await client.call("notifications.send", **wanted, values={"text": text[:-1]})
    (row,) = await outbox_of(store)
    assert row.payload["text"] == f"{text[:-1]} Mitte"


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        ({"studentIds": []}, ["studentIds"]),
        ({"lessonIds": ["les"]}, ["studentIds"]),
        ({"template": "lesson_moved", "values": {}}, ["template"]),
        ({"template": "lesson_changed", "values": {}}, ["template"]),
        ({"template": "lesson_reminder", "values": {}}, ["lessonIds"]),
        (
            {"studentIds": [], "lessonIds": ["les"], "template": "payment_link", "values": LINK},
            ["lessonIds"],
        ),
        ({"template": "payment_link", "values": LINK, "purpose": "lessons"}, ["purpose"]),
    ],
    ids=[
        *("for nobody", "for both", "what the program tells", "what it tells too"),
        "a reminder of nothing",
        *("a payment for a lesson", "what speaks for itself"),
    ],
)
async def test_what_cannot_be_sent_so_is_refused_by_its_path(
    client: Client, school: School, given: dict[str, Any], paths: list[str]
) -> None:
    lesson = await school.book()
    wanted = {"studentIds": [school.student["id"]], **MESSAGE, **given}
    if wanted.get("lessonIds"):
        wanted["lessonIds"] = [lesson["id"]]

    symbol, details = await failure(client, **wanted)

    assert symbol == "INVALID_PARAMS"
    assert [one["path"] for one in details["errors"]] == paths


async def test_too_many_at_once_are_refused(client: Client, school: School) -> None:
    ids = [school.student["id"]] * 201

    assert await refused(client, "notifications.send", studentIds=ids, **MESSAGE) == (
        "INVALID_PARAMS"
    )


async def test_an_instructor_writes_to_his_own_students_alone(
    app: Application, client: Client, school: School
) -> None:
    lesson = await school.book()
    other = await save_instructor(client, school.branch["id"], givenName="Otto")
    await add_role(app, Role.OWNER)
    own = await signed_in(app, Role.INSTRUCTOR, school.instructor["id"])

    sent = await own.call("notifications.send", lessonIds=[lesson["id"]], **MESSAGE)
    await own.call("notifications.send", studentIds=[school.student["id"]], **MESSAGE)

    assert len(sent["items"]) == 1
    owner = await sign_in(app)
    await owner.call("lessons.reschedule", lessonId=lesson["id"], instructorId=other["id"])
    wanted = MESSAGE | {"studentIds": [school.student["id"]]}
    assert await refused(own, "notifications.send", **wanted) == "NOT_FOUND"


async def test_a_key_tells_of_lessons_only_if_it_reads_them(app: Application) -> None:
    owner = await signed_in(app, Role.OWNER)
    school = await open_school(owner)
    lesson = await school.book(pickup="Bahnhof")
    wanted = {"lessonIds": [lesson["id"]], "template": "lesson_reminder", "channel": "mail"}

    async def params_of(*scopes: str) -> dict[str, Any]:
        made = await owner.call(
            "apikeys.create",
            name="x",
            scopes=["messages:write", *scopes],
            _meta={"idempotencyKey": "+".join(scopes)},
        )
        return wanted | {"preview": True} | with_token(made["secret"])

    without = await params_of("students:read")
    reading = await params_of("students:read", "lessons:read")

    assert await refused(Client(app), "notifications.send", **without) == "SCOPE_MISSING"
    shown = await Client(app).call("notifications.send", **reading)
    assert "Bahnhof" in shown["items"][0]["content"]["text"]
