"""What is done at the desk about one student and his lessons."""

from typing import Any

from rpcbackend.testing import Client
from tests.factories import School

ADA, PHONE = "ada@example.org", "+4915112345678"
"""How the student is reached."""


async def open_school(client: Client) -> School:
    """Open a school whose student has a mail address."""
    school = await School(client).open()
    school.student = await client.call("students.update", studentId=school.student["id"], email=ADA)
    return school


async def agree(
    client: Client, school: School, channel: str = "sms", *, is_granted: bool = True, **given: Any
) -> None:
    fields = {
        "studentId": school.student["id"],
        "purpose": "lessons",
        "channel": channel,
        "isGranted": is_granted,
        "source": "desk",
        "textVersion": "1",
    }
    await client.call("consents.set", **fields | given)


async def move(client: Client, lesson: dict[str, Any], **given: Any) -> dict[str, Any]:
    moved = await client.call("lessons.reschedule", lessonId=lesson["id"], **given)
    answer: dict[str, Any] = moved["lesson"]
    return answer


async def cancel(client: Client, lesson: dict[str, Any], by: str = "school") -> None:
    await client.call("lessons.cancel", lessonId=lesson["id"], by=by, reasonCode="other")
