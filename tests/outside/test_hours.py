"""When a message may be sent."""

from dataclasses import replace

import pytest

from rpcbackend.outside.hours import quiet_until_ms
from tests.factories import at
from tests.store.test_outbox import HELLO

NIGHT = replace(HELLO, quiet=("Europe/Berlin", "21:00", "08:00"))


def ms(text: str) -> int:
    return round(at(text).timestamp() * 1_000)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-24T12:00:00Z", None),
        ("2026-11-24T20:00:00Z", "2026-11-25T07:00:00Z"),
        ("2026-11-25T06:59:59.999Z", "2026-11-25T07:00:00Z"),
        ("2026-11-25T07:00:00Z", None),
    ],
)
def test_a_message_waits_for_the_end_of_the_quiet_hours(now: str, until: str | None) -> None:
    assert quiet_until_ms(NIGHT, ms(now)) == (ms(until) if until else None)


def test_a_message_without_quiet_hours_goes_at_any_time() -> None:
    assert quiet_until_ms(HELLO, ms("2026-11-24T23:00:00Z")) is None
