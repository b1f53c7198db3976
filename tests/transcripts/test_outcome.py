"""What a replay is asked for, and what it comes to, before anything was said."""

from rpcbackend.transcripts.outcome import Outcome, Wish
from rpcbackend.transcripts.rules import ALWAYS, ON_REQUEST


def test_without_a_word_nothing_may_differ_but_what_always_may() -> None:
    assert Wish().rules == ALWAYS
    assert set(ON_REQUEST) == {"ids", "times", "numbers", "members"}


def test_an_outcome_begins_with_nothing() -> None:
    outcome = Outcome()

    assert (outcome.count, outcome.differences, outcome.allowed.total()) == (0, [], 0)
