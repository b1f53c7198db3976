"""Which request a reply answers, and that nothing is guessed."""

import pytest

from rpcbackend.dispatch.registry import Method
from rpcbackend.methods import build_registry
from rpcbackend.transcripts.waiting import Waiting

REGISTRY = build_registry()


def method(channel: str) -> Method:
    found = REGISTRY.get(channel)
    assert found is not None
    return found


PING, ME = method("ping"), method("auth.me")


def test_a_reply_answers_the_request_of_its_id_on_its_connection() -> None:
    waiting = Waiting()
    waiting.asked("con_1", 1, PING)
    waiting.asked("con_2", 1, ME)
    waiting.asked("con_1", "1", ME)

    assert waiting.answered("con_2", 1) is ME
    assert waiting.answered("con_1", 1) is PING
    assert waiting.answered("con_1", 1) is None
    assert waiting.answered("con_1", "1") is ME


@pytest.mark.parametrize("times", [2, 3])
@pytest.mark.parametrize("other", [PING, ME, None])
def test_of_an_id_in_use_nobody_can_tell_until_all_are_answered(
    times: int, other: Method | None
) -> None:
    waiting = Waiting()
    for each in [ME] + [other] * (times - 1):
        waiting.asked("con_1", 1, each)

    assert [waiting.answered("con_1", 1) for _ in range(times)] == [None] * times
    waiting.asked("con_1", 1, ME)
    assert waiting.answered("con_1", 1) is ME


def test_more_than_a_connection_can_wait_for_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rpcbackend.transcripts.waiting.MAX_WAITING", 2)
    waiting = Waiting()
    for number in range(3):
        waiting.asked("con_1", number, PING)

    assert [waiting.answered("con_1", number) for number in range(3)] == [None, None, PING]
