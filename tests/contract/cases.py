"""The telling cases: one call each against a small school, the same to the byte in every run."""

import random
from datetime import date
from typing import Any

import orjson

from rpcbackend.app import Application
from rpcbackend.schema.vehicles import VehicleState
from rpcbackend.store import Work
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, FrozenClock
from tests.factories import (
    NINE,
    an_id,
    at,
    make_branch,
    make_claim,
    make_instructor,
    make_lesson,
    make_student,
    make_vehicle,
)

BOOKING = {
    "studentId": an_id("stu", 2),
    "instructorId": an_id("ins"),
    "vehicleId": an_id("veh"),
    "startsAt": "2026-11-24T12:00:00Z",
    "durationMinutes": 90,
    "pickup": "Bahnhof, Ausgang Süd",
}
DAY = {"from": "2026-11-24T00:00:00Z", "to": "2026-11-25T00:00:00Z"}

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "ping.ok": ("ping", {}),
    "initialize.ok": (
        "initialize",
        {"protocolVersion": "1", "client": {"name": "contract", "version": "1"}},
    ),
    "auth.me.local": ("auth.me", {}),
    "auth.bootstrap.ok": (
        "auth.bootstrap",
        {"login": "ada@fs.example", "password": "vier linke handschuhe"},
    ),
    "auth.bootstrap.invalid_params": (
        "auth.bootstrap",
        {"login": "ada@fs.example", "password": "password1234"},
    ),
    "auth.login.unauthenticated": (
        "auth.login",
        {"login": "ada@fs.example", "password": "vier linke handschuhe"},
    ),
    "users.save.forbidden": ("users.save", {"login": "eva", "roles": ["office"]}),
    "students.get.ok": ("students.get", {"studentId": an_id("stu")}),
    "students.get.not_found": ("students.get", {"studentId": an_id("stu", 404)}),
    "students.list.page": ("students.list", {"limit": 1}),
    "students.create.duplicate": (
        "students.create",
        {
            "branchId": an_id("bra"),
            "givenName": "Zoe",
            "familyName": "GROSS",
            "bornOn": "2008-02-29",
        },
    ),
    "students.transition.invalid": (
        "students.transition",
        {"studentId": an_id("stu"), "to": "archived"},
    ),
    "lessons.book.ok": ("lessons.book", BOOKING),
    "lessons.book.dry_run": ("lessons.book", BOOKING | {"_meta": {"dryRun": True}}),
    "lessons.book.conflict": ("lessons.book", BOOKING | {"startsAt": "2026-11-24T10:00:00Z"}),
    "lessons.book.invalid_params": (
        "lessons.book",
        BOOKING | {"startsAt": "tomorrow", "durationMinutes": 4, "wheels": 4},
    ),
    "lessons.book.vehicle_unfit": ("lessons.book", BOOKING | {"vehicleId": an_id("veh", 2)}),
    "lessons.get.ok": ("lessons.get", {"lessonId": an_id("les")}),
    "lessons.list.ok": ("lessons.list", DAY | {"instructorId": an_id("ins")}),
    "lessons.cancel.ok": (
        "lessons.cancel",
        {"lessonId": an_id("les"), "by": "student", "reasonCode": "illness"},
    ),
    "lessons.cancel.version_conflict": (
        "lessons.cancel",
        {
            "lessonId": an_id("les"),
            "by": "school",
            "reasonCode": "weather",
            "expectedVersion": 7,
        },
    ),
    "lessons.reschedule.ok": (
        "lessons.reschedule",
        {"lessonId": an_id("les"), "startsAt": "2026-11-24T10:00:00Z", "durationMinutes": 60},
    ),
    "lessons.reschedule.time_in_past": (
        "lessons.reschedule",
        {"lessonId": an_id("les"), "startsAt": "2026-11-23T07:00:00Z"},
    ),
    "lessons.reschedule.vehicle_unfit": (
        "lessons.reschedule",
        {"lessonId": an_id("les"), "vehicleId": an_id("veh", 2)},
    ),
    "lessons.searchSlots.ok": (
        "lessons.searchSlots",
        DAY
        | {
            "durationMinutes": 90,
            "studentId": an_id("stu"),
            "vehicleIds": [an_id("veh", 2), an_id("veh")],
            "stepMinutes": 60,
            "limit": 3,
        },
    ),
    "lessons.searchSlots.limit_exceeded": (
        "lessons.searchSlots",
        DAY | {"to": "2027-11-25T00:00:00Z", "durationMinutes": 90},
    ),
    "calendar.view.ok": (
        "calendar.view",
        DAY | {"resourceTypes": ["instructor", "vehicle", "student"]},
    ),
    "calendar.view.limit_exceeded": ("calendar.view", DAY | {"to": "2027-11-25T00:00:00Z"}),
    "vehicles.list.ok": ("vehicles.list", {}),
    "backups.create.ok": ("backups.create", {}),
    "backups.list.ok": ("backups.list", {}),
    "backups.restore.invalid_params": (
        "backups.restore",
        {"backupId": "2026-11-23T06-00-03Z-daily", "mode": "inspect"},
    ),
    "exports.start.ok": (
        "exports.start",
        {"kind": "students", "format": "csv", "path": "/nowhere/students.csv"},
    ),
    "exports.start.invalid_params": (
        "exports.start",
        {"kind": "students", "format": "json", "path": "students.json", "byteOrderMark": True}
        | DAY,
    ),
    "jobs.get.not_found": ("jobs.get", {"jobId": an_id("job")}),
    "jobs.list.ok": ("jobs.list", {}),
    "branches.save.zone_unknown": (
        "branches.save",
        {"name": "Atlantis", "zone": "Europe/Atlantis", "currency": "EUR"},
    ),
    "feeds.create.not_found": (
        "feeds.create",
        {"kind": "vehicle", "ownerId": an_id("veh", 404)},
    ),
    "feeds.create.ok": ("feeds.create", {"kind": "instructor", "ownerId": an_id("ins")}),
    "feeds.list.ok": ("feeds.list", {}),
    "feeds.read.not_found": ("feeds.read", {"token": "x"}),
    "schedules.list.ok": ("schedules.list", {}),
    "schedules.save.ok": (
        "schedules.save",
        {"name": "check", "cron": "0 5 * * MON", "zone": "Europe/Berlin"},
    ),
    "schedules.save.invalid_params": ("schedules.save", {"name": "check", "cron": "0 0 30 2 *"}),
    "events.subscribe.cursor_invalid": ("events.subscribe", {"afterSeq": 99}),
}


def surroundings() -> Surroundings:
    """Stop the clock and draw the same ids in every run."""
    return Surroundings(
        clock=FrozenClock(),
        bits=random.Random(1),  # noqa: S311 (not secret: the same in every run)
        record_bits=random.Random(2),  # noqa: S311 (not secret: the same in every run)
        random_bytes=random.Random(3).randbytes,  # noqa: S311 (opens nothing but this one store)
    )


async def replay(app: Application, channel: str, params: dict[str, Any]) -> dict[str, Any]:
    """Open the school and return the whole response to one call."""
    await app.open_store()
    await app.store.write(open_school, actor="contract")
    request = {"jsonrpc": "2.0", "id": 1, "method": channel, "params": params}
    response: dict[str, Any] = await Client(app).raw(orjson.dumps(request))
    if channel == "initialize":
        # It changes with every change of any channel; system.ready tells the present one.
        response["result"]["contractHash"] = "0" * 64
    return response


async def open_school(work: Work) -> None:
    """Fill the store: two students, one instructor, two vehicles, one lesson at nine."""
    await work.branches.put(make_branch())
    await work.instructors.put(
        make_instructor(email="ines.kraft@fs.example", categories=["B", "BE"])
    )
    await work.vehicles.put(make_vehicle())
    await work.vehicles.put(
        make_vehicle(id=an_id("veh", 2), plate="B-FS 102", state=VehicleState.WORKSHOP)
    )
    await work.students.put(make_student(phone="+441234567"))
    await work.students.put(
        make_student(
            id=an_id("stu", 2), given_name="Zoë", family_name="Groß", born_on=date(2008, 2, 29)
        )
    )
    lesson = make_lesson(pickup='Schule "Nord"')
    await work.lessons.put(lesson)
    for kind, resource_id in (
        ("instructor", lesson.instructor_id),
        ("vehicle", lesson.vehicle_id),
        ("student", lesson.student_id),
    ):
        await work.claims.take(
            [make_claim(resource_type=kind, resource_id=resource_id, starts_at=at(NINE))]
        )
    await work.record("lessons.booked", ("lesson", lesson.id, 1), {"lessonId": lesson.id})
