"""What the lessons.* channels answer."""

import pytest

from rpcbackend.testing import CallFailedError, Client
from tests.factories import School


async def test_a_booked_lesson_is_found_again(client: Client) -> None:
    school = await School(client).open()

    booked = await client.call("lessons.book", **school.booking())

    assert await client.call("lessons.get", lessonId=booked["lesson"]["id"]) == booked


async def test_a_taken_slot_is_refused_with_its_reason_and_alternatives(client: Client) -> None:
    school = await School(client).open()
    await school.book()

    with pytest.raises(CallFailedError) as failed:
        await school.book()

    assert failed.value.symbol == "CONFLICT_INSTRUCTOR"
