"""A disk that fails at the k-th call, for every k: no false reply, and the keys settle the rest."""

from collections import Counter
from itertools import count, islice
from pathlib import Path

import pytest

from tests.clauses import clause
from tests.factories import KEY
from tests.faults.budget import FIGURES, IS_FULL
from tests.faults.deeds import PEOPLE, deeds, make_school
from tests.faults.desk import FULL, desk_at
from tests.faults.judging import Found, look_through
from tests.faults.mortal import Life, Mortal, mortal, selected

COMMANDS = 30 if IS_FULL else 12
ARGUMENTS = (str(COMMANDS), "4", "65536", "FULL")
"""Four at once, and a log that is folded in under way."""


def acknowledged(life: Life) -> dict[str, str]:
    return {words[0]: words[1] for words in life.words("ack")}


def refused(life: Life) -> Counter[tuple[str, ...]]:
    """Count the refusals by symbol and outcome, but for those that are the command's own fault."""
    return Counter(
        words[1:] for words in life.words("refused") if not words[1].startswith("CONFLICT_")
    )


async def judge(directory: Path, life: Life) -> Found:
    """Check what was left against what had been said: no false yes, and no false no."""
    found = await look_through(directory, KEY)
    said = acknowledged(life)
    assert said.items() <= found.records.items(), "a false yes"
    denied = {words[0] for words in life.words("refused") if words[2] == "none"}
    assert denied - said.keys() & found.records.keys() == set(), "a false no"
    return found


async def settle(directory: Path, found: Found) -> None:
    """Start anew, send every command again, and check that each is done, once."""
    lines: list[str] = []
    async with desk_at(directory, lines.append) as desk:
        await desk.send_all(list(islice(deeds(), COMMANDS)), 4)
    again = Life(tuple(tuple(line.split()) for line in lines), 0, was_hit=False)
    assert found.records.items() <= acknowledged(again).items(), "another reply than the first"
    assert refused(again) == Counter()
    assert len(acknowledged(again)) == COMMANDS - COMMANDS // 10, "a command was not done"
    assert (await look_through(directory, KEY)).records == acknowledged(again)


async def try_calls(program: Mortal, action: str) -> tuple[int, Counter[tuple[str, ...]]]:
    """Let every call fail in turn, or in a quick run some of them, and judge what came of it."""
    tried, refusals = 0, Counter[tuple[str, ...]]()
    # Which commands share a commit, and so the number of calls, is another every time.
    quick = 12 if action in ("eio", "full") else 6
    calls = count(1) if IS_FULL else iter(selected(program.count_calls(*ARGUMENTS), quick))
    for at in calls:
        life = program.live(action, at, *ARGUMENTS)
        assert life.status == 0, life
        if IS_FULL and not life.was_hit:
            break
        found = await judge(program.directory, life)
        await settle(program.directory, found)
        refusals += refused(life)
        check_end(action, life)
        tried += 1
    return tried, refusals


def check_end(action: str, life: Life) -> None:
    ended = life.words("ended")
    if action == "full":
        assert ended == []
        assert {symbol for symbol, _ in refused(life)} <= {*FULL}
        # Reads go on, and with room the writes do.
        assert not refused(life) or int(life.words("read")[0][0]) >= PEOPLE
        assert len(acknowledged(life)) == COMMANDS - COMMANDS // 10
    elif refused(life):
        assert {symbol for symbol, _ in refused(life)} == {"OUTCOME_UNKNOWN"}
        assert ended == [("74",)]


@clause("failed-disk-tells-no-lie")
@pytest.mark.parametrize("action", ["eio", "full", "short", "intr"])
async def test_a_call_that_fails_makes_no_false_reply_and_the_keys_settle_the_rest(
    fault: Path, folder: Path, action: str
) -> None:
    await make_school(folder / "template")

    with mortal("tests.faults.desk", fault, folder) as program:
        tried, refusals = await try_calls(program, action)

    named = {" ".join(refusal): times for refusal, times in refusals.items()}
    FIGURES.tell(f"calls that fail, {action}", calls=tried, false_replies=0, **named)
    # The rest of a short write SQLite writes by itself. A sync that was interrupted has failed.
    symbols = {symbol for symbol, _ in refusals}
    possible = {"full": {*FULL}, "short": set[str]()}.get(action, {"OUTCOME_UNKNOWN"})
    assert symbols <= possible
    assert bool(symbols) or action in ("short", "intr")
