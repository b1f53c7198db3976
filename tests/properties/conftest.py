"""Tells at the end of a run how much was tried."""

from pytest import TerminalReporter  # noqa: PT013 (a type)

from tests.properties.tally import TALLY


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Print the tally."""
    if TALLY.lines:
        terminalreporter.section("what was sent over the wire")
        for line in TALLY.report():
            terminalreporter.write_line(line)
