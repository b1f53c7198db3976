"""Answers of the wire in words for people."""

from collections.abc import Sequence, Sized
from datetime import UTC, date, datetime
from statistics import median
from typing import Any

from rpcbackend.demo.chance import ZONE
from rpcbackend.domain.spans import Span
from rpcbackend.domain.zones import zone_of

TITLE = "A morning at the desk of a driving school"

OPENING = (
    "rpcbackend is everything behind the window of a driving school's desktop program: students, "
    "bookings, and who is free when. The window starts it as a child process and they talk in "
    "lines of JSON over stdin and stdout.\n\n"
    "Here this demo plays the window, and a real backend (process {pid}) answers:\n"
    "→ is a line sent, ← its answer in words, ⚡ news that comes by itself."
)


def counted(things: Sized, noun: str) -> str:
    """Return how many there are, such as 1 student or 12,506 lessons."""
    return f"{len(things):,} {noun}" + ("" if len(things) == 1 else "s")


def instant(text: str) -> datetime:
    """Read an instant of the wire."""
    return datetime.fromisoformat(text).astimezone(UTC)


def span_of(item: dict[str, Any]) -> Span:
    """Return from when to when a lesson, a claim or an alternative lasts."""
    return Span(instant(item["startsAt"]), instant(item["endsAt"]))


def name_of(person: dict[str, Any]) -> str:
    """Return the full name."""
    return f"{person['givenName']} {person['familyName']}"


def day(on: date) -> str:
    """Return a date such as 9 Nov 2026."""
    return f"{on.day} {on:%b %Y}"


def hours(span: Span) -> str:
    """Return from when to when, on the school's clock."""
    tz = zone_of(ZONE)
    start, end = span.start.astimezone(tz), span.end.astimezone(tz)
    return f"{start:%H:%M}–{end:%H:%M}"  # noqa: RUF001 (the dash that means "to")


def time_of(span: Span) -> str:
    """Return on which day and from when to when, on the school's clock."""
    start = span.start.astimezone(zone_of(ZONE))
    return f"{start:%A} {start.day} {start:%b}, {hours(span)}"


def in_the_way(details: dict[str, Any]) -> str:
    """Tell who or what a refused booking would have taken twice."""
    claims = [
        f"the {claim['resourceType']} ({claim['ownerType']} {hours(span_of(claim))})"
        for claim in details["conflicts"]
    ]
    return f"In the way: {', '.join(claims)}."


def alternatives(details: dict[str, Any]) -> str:
    """Tell what would be free instead of a refused booking."""
    free = " or ".join(hours(span_of(each)) for each in details["alternatives"])
    return f"Nearest free time for all of them that day: {free or 'none'}."


def closing(latencies_ms: Sequence[float], events: int, exit_code: int) -> str:
    """Tell how it went."""
    return (
        f"{len(latencies_ms)} questions, half of them answered within {median(latencies_ms):.1f} ms"
        f" (the first of a kind takes longest: it loads its code); {events} events arrived by "
        f"themselves; the backend was asked to leave and left with exit code {exit_code}."
    )
