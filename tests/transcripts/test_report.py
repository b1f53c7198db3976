"""What is told of a replay's differences, and that all are counted."""

from rpcbackend.transcripts.differences import ABSENT, Comparison
from rpcbackend.transcripts.known import Known
from rpcbackend.transcripts.outcome import Outcome
from rpcbackend.transcripts.report import KEPT, Report
from tests.transcripts.scripts import happened


def test_the_first_differences_are_told_and_all_are_counted() -> None:
    outcome, known = Outcome(), Known()
    report = Report(outcome, Comparison(known), known)
    event = happened(1.5, "branches.saved", name="Mitte")

    report.compare_event(event, event.msg)
    for _ in range(KEPT + 1):
        report.compare_event(event, None)

    assert (outcome.compared, outcome.count) == (KEPT + 2, KEPT + 1)
    assert len(outcome.differences) == KEPT
    assert (outcome.differences[0].path, outcome.differences[0].got) == ("the message", "null")


def test_what_is_absent_is_nothing() -> None:
    outcome, known = Outcome(), Known()

    Report(outcome, Comparison(known), known).differ(
        "event", happened(1.5, "branches.saved"), ("", ABSENT, 7)
    )

    assert (outcome.differences[0].expected, outcome.differences[0].got) == ("nothing", "7")
