"""Rule A7 on the days on which sends fail: what chance seldom does, step by step."""

from collections.abc import Callable
from typing import Any

import pytest

from rpcbackend.store.outbox import MAX_ATTEMPTS
from tests.clauses import clause
from tests.properties.test_messages import Desk

Step = tuple[str, dict[str, Any]]

BOOK: Step = ("begin", {"days": [4]})
NEWS: Step = ("move", {"which": 0, "when": 120, "teacher": 1})
MOVE: Step = ("move", {"which": 0, "when": 90, "teacher": 1})
CANCEL: Step = ("cancel", {"which": 0, "by": "school"})
REFUSE: Step = ("say", {"who": 0, "channel": "mail", "is_granted": False, "version": 1})
ADDRESS: Step = ("change_address", {"who": 0, "channel": "mail", "number": 1})
RETRY: Step = ("retry", {})
SEND: Step = ("send", {})
DIE: Step = ("die", {})
WAIT: Step = ("wait", {"hours": 0.5})
LONG: Step = ("wait", {"hours": 24})
MONTH: Step = ("set_clock", {"hours": 30 * 24})


def fail(*hows: str) -> Step:
    return "fail", {"hows": list(hows)}


def end(how: str) -> Step:
    return "end", {"which": 0, "how": how}


DAYS: dict[str, list[Step]] = {
    "refused, and moved": [fail("refused"), MOVE, RETRY, SEND],
    "refused, and cancelled": [fail("refused"), CANCEL, RETRY, SEND],
    "refused, and not wanted": [fail("refused"), REFUSE, RETRY, SEND],
    "refused, and reached elsewhere": [fail("refused"), ADDRESS, RETRY, SEND],
    "refused, and too late": [fail("refused"), MONTH, RETRY, SEND],
    "busy, and at last sent": [fail("busy"), SEND, WAIT, SEND, RETRY],
    "busy, and tried by hand": [fail("busy"), RETRY, RETRY, SEND],
    "busy, and moved": [fail("busy"), MOVE, RETRY, SEND],
    "away": [fail("away"), MOVE, fail("away"), SEND],
    "unknown, and away": [fail("unknown"), WAIT, fail("away"), WAIT, fail("away"), WAIT, SEND],
    "unknown, and tried by hand": [fail("unknown"), WAIT, fail("away"), RETRY, SEND],
    "moved on its way, and busy": [fail(""), MOVE, end("busy"), RETRY, SEND],
    "moved on its way, and sent": [fail(""), MOVE, end("sent"), RETRY, SEND],
    "moved on its way, and refused": [fail(""), MOVE, end("refused"), RETRY, SEND],
    "not wanted on its way, and lost": [fail(""), REFUSE, DIE, SEND, RETRY],
    "lost, and sent": [fail(""), DIE, SEND, RETRY],
    "lost, and away": [fail(""), DIE, fail("away"), WAIT, MOVE, SEND],
    "lost, and moved": [fail(""), DIE, MOVE, SEND, SEND],
    "lost as often as may be": [*[fail(""), DIE] * MAX_ATTEMPTS, SEND, RETRY, SEND],
    "on its way through the night": [LONG, fail(""), LONG, end("busy"), SEND, RETRY, SEND],
}


@clause("messages-consent", "messages-quiet-hours", "messages-follow-lessons")
@pytest.mark.parametrize("day", DAYS)
def test_a_send_that_fails_is_made_good_once_or_never(day: str) -> None:
    desk = Desk()
    steps = [BOOK, NEWS, *DAYS[day]]
    try:
        for name, given in steps:
            step: Callable[..., None] = getattr(desk, name)
            step(**given)
            desk.what_waits_is_what_the_model_says()
            desk.what_is_planned_is_what_the_model_says()
            desk.nothing_was_sent_twice_and_nobody_reminded_twice_of_a_start()
    finally:
        desk.teardown()
