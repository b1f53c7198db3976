"""Every fault on the way to every host outside: what is said of it, what arrives, and how often.

A message that may have arrived is sent again, so these alone can arrive twice; a host that knows
messages by their ids has each once. Nothing is ever lost.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from rpcbackend.testing import FrozenClock
from tests.faults.budget import FIGURES
from tests.faults.outside import CHANNELS, PATIENCE_SECONDS, Way, way_of
from tests.faults.proxy import Fault
from tests.outside.trust import make_trust

DEADLINE_SECONDS = 1.0
"""Where it is to be missed."""

CLEAN, MESSAGE = "msg_clean", "msg_faulty"


@dataclass(frozen=True)
class Cell:
    """What one fault comes to."""

    outcome: str
    """What the adapter says of the first try; see `Way.send`."""
    arrives: int = 0
    """Whether the first try arrives all the same."""
    is_slow: bool = False
    """Whether the deadline ends it."""


UNREACHED, SENT = Cell("unreached"), Cell("sent", 1)
MAY_DOUBLE, HANGS = Cell("unknown", 1), Cell("unknown", 1, is_slow=True)

OF_ALL = {
    Fault.REFUSED: UNREACHED,
    Fault.RESET: UNREACHED,
    Fault.BLACK_HOLE: Cell("unreached", is_slow=True),
    Fault.GARBAGE: UNREACHED,
    Fault.LATENCY: SENT,
    # Nobody can know that the end of it was missing there.
    Fault.CUT_REQUEST: Cell("unknown"),
    Fault.ANSWER_RESET: MAY_DOUBLE,
    Fault.ANSWER_LOST: HANGS,
    Fault.ANSWER_DRIPS: HANGS,
    Fault.ANSWER_CUT: MAY_DOUBLE,
}
# A webhook's receiver is not the channel: it counts against the message, and no other waits for it.
OF_WEBHOOKS = {
    fault: Cell("later", cell.arrives, cell.is_slow) if cell.outcome == "unreached" else cell
    for fault, cell in OF_ALL.items()
}
CELLS = {
    (channel, fault): cell
    for channel in CHANNELS
    for fault, cell in (OF_WEBHOOKS if channel == "webhook" else OF_ALL).items()
}


@pytest.fixture(scope="module")
def tally() -> Iterator[Counter[str]]:
    """Count what all of these tests have tried."""
    counted = Counter[str]()
    yield counted
    FIGURES.tell(
        "faults on the way to mail, text messages, payments and webhooks",
        tried=counted["tried"],
        lost=counted["lost"],
        outcome_unknown=counted["unknown"],
        doubled_where_ids_are_not_known=counted["doubled"],
    )


@pytest.mark.parametrize(("channel", "fault"), CELLS, ids=str)
async def test_a_fault_on_the_way_comes_to_what_its_cell_says(
    clock: FrozenClock, tally: Counter[str], channel: str, fault: Fault
) -> None:
    cell = CELLS[channel, fault]
    async with way_of(channel, clock, make_trust().server) as way:
        assert await way.send(CLEAN) == "sent"
        await way.proxy.become(fault)
        seconds = DEADLINE_SECONDS if cell.is_slow else PATIENCE_SECONDS
        outcome = await way.send(MESSAGE, seconds)
        assert (outcome, way.host.arrived.count(MESSAGE)) == (cell.outcome, cell.arrives)

        await way.proxy.become(Fault.NONE)
        if outcome != "sent":
            assert await way.send(MESSAGE) == "sent"

    note(tally, way, may_double=cell.outcome == "unknown")


@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_host_with_a_false_certificate_gets_nothing(
    clock: FrozenClock, channel: str
) -> None:
    async with way_of(channel, clock, make_trust().stranger) as way:
        outcome = await way.send(MESSAGE)

    assert outcome == ("later" if channel == "webhook" else "unreached")
    assert way.host.arrived == []


@pytest.mark.parametrize(("word", "expected"), [("busy", "later"), ("never", "refused")])
@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_host_that_says_no_is_asked_again_unless_it_says_never(
    clock: FrozenClock, tally: Counter[str], channel: str, word: str, expected: str
) -> None:
    async with way_of(channel, clock, make_trust().server) as way:
        way.host.say(word)
        assert await way.send(MESSAGE) == expected
        assert way.host.arrived == []

        way.host.say("yes")
        assert await way.send(MESSAGE) == "sent"

    note(tally, way, may_double=False)


def note(tally: Counter[str], way: Way, *, may_double: bool) -> None:
    """Count it, and check that nothing was lost, nor doubled but where it may be."""
    is_lost = MESSAGE not in way.host.arrived
    tally["tried"] += 1
    tally["lost"] += is_lost
    tally["doubled"] += way.doubled
    tally["unknown"] += may_double
    assert not is_lost
    assert way.doubled <= may_double
