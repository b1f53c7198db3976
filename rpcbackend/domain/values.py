"""What stands in the places of a template: people, lessons, and what is made up for a sample."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from rpcbackend.domain.spoken import amount_of, date_of, short_date_of, time_of
from rpcbackend.schema.base import Language
from rpcbackend.schema.branches import Branch
from rpcbackend.schema.instructors import Instructor
from rpcbackend.schema.lessons import Lesson
from rpcbackend.schema.payments import Payment
from rpcbackend.schema.students import Student

_AS_AGREED = {Language.DE: "wie vereinbart", Language.EN: "as agreed"}

_SAMPLE_AT = datetime(2026, 11, 24, 9, tzinfo=UTC)

_SAMPLE = {
    "givenName": "Ada",
    "familyName": "Byron",
    "school": "Fahrschule Mitte",
    "instructor": "Ines Kraft",
    "link": "https://pay.example/8f3k",
}

_SAMPLE_BY_LANGUAGE = {
    Language.DE: {
        "amount": "55,00 €",
        "description": "eine Fahrstunde",
        "subject": "Unser Büro am Freitag",
        "text": "am Freitag ist unser Büro geschlossen.",
    },
    Language.EN: {
        "amount": "€55.00",
        "description": "a driving lesson",
        "subject": "Our office on Friday",
        "text": "our office is closed on Friday.",
    },
}


def of_person(student: Student, branch: Branch) -> dict[str, str]:
    """Return what can be said to anybody."""
    return {
        "givenName": student.given_name,
        "familyName": student.family_name,
        "school": branch.name,
    }


def of_lesson(lesson: Lesson, instructor: Instructor, language: Language) -> dict[str, str]:
    """Return what can be said of a lesson, by the clock of where it is."""
    return {
        **of_time(lesson.starts_at, lesson.zone, language),
        "endTime": time_of(lesson.ends_at, lesson.zone),
        "instructor": f"{instructor.given_name} {instructor.family_name}",
        "meetingPoint": lesson.pickup or _AS_AGREED[language],
    }


def of_payment(payment: Payment, language: Language) -> dict[str, str]:
    """Return what can be said of a payment that has a link."""
    return {
        "amount": amount_of(payment.amount, language),
        "description": payment.description,
        "link": payment.url or "",
    }


def of_time(at: datetime, zone: str, language: Language) -> dict[str, str]:
    """Return what can be said of a start."""
    return {
        "date": date_of(at, zone, language),
        "shortDate": short_date_of(at, zone, language),
        "time": time_of(at, zone),
    }


def of_old_time(at: datetime, zone: str, language: Language) -> dict[str, str]:
    """Return what can be said of a start that is no more."""
    return {"oldDate": date_of(at, zone, language), "oldTime": time_of(at, zone)}


def sample(language: Language, zone: str = "Europe/Berlin") -> Mapping[str, str]:
    """Return something for every place that there is."""
    return {
        **_SAMPLE,
        **_SAMPLE_BY_LANGUAGE[language],
        **of_time(_SAMPLE_AT, zone, language),
        **of_old_time(_SAMPLE_AT - timedelta(days=1), zone, language),
        "endTime": time_of(_SAMPLE_AT + timedelta(minutes=90), zone),
        "meetingPoint": _AS_AGREED[language],
    }
