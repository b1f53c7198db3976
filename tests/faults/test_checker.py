"""Whether those who judge can say no: histories and stores in which something is wrong."""

from itertools import islice
from typing import Any

import pytest

from rpcbackend.store import Work
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, FrozenClock, running_app
from tests.faults.checker import Checker
from tests.faults.deeds import Deed, make_people
from tests.faults.judging import Found, check_times, look_over
from tests.faults.rush import rush

DEED = Deed("desk 1", "lessons.book", {})
DONE = {"lesson": {"id": "les_1"}}
NOTHING = Found(texts={}, records={}, events=(), paid={})
ONCE = Found(texts={"desk 1": '{"lesson":{"id":"les_1"}}'}, records={}, events=(), paid={})


def heard(*replies: dict[str, Any]) -> Checker:
    """Return whoever sent the command so often and heard these replies."""
    checker = Checker("UNAVAILABLE")
    for reply in replies:
        checker.hear({"id": checker.send(DEED)["id"]} | reply)
    return checker


def yes(result: dict[str, Any] = DONE, **meta: Any) -> dict[str, Any]:
    return {"result": result | ({"_meta": meta} if meta else {})}


def no(symbol: str = "CONFLICT_STUDENT", *, retryable: bool = False) -> dict[str, Any]:
    return {"error": {"data": {"code": symbol, "outcome": "none", "retryable": retryable}}}


def test_a_history_in_which_all_is_well_is_approved_of() -> None:
    heard(no("UNAVAILABLE", retryable=True), yes(), yes(replayed=True)).judge(ONCE)
    heard(no()).judge(NOTHING)


@pytest.mark.parametrize(
    ("replies", "found", "why"),
    [
        ([yes()], NOTHING, "lost"),
        ([], ONCE, "never acknowledged"),
        ([no()], ONCE, "never acknowledged"),
        ([yes({"lesson": {"id": "les_2"}})], ONCE, "differ"),
        ([yes(), yes()], ONCE, "done twice"),
        ([yes(), yes({"lesson": {"id": "les_2"}}, replayed=True)], ONCE, "another reply"),
        ([yes(), no()], ONCE, "first a yes"),
        ([no(), yes()], ONCE, "refused, and done"),
        ([no("UNAVAILABLE")], NOTHING, "retryable"),
        ([no("INTERNAL_ERROR")], NOTHING, "INTERNAL_ERROR"),
    ],
    ids=[
        "lost",
        "done unheard",
        "done though refused",
        "another result",
        "doubled",
        "another reply to a repetition",
        "refused after it was done",
        "done after it was refused",
        "an outage that is final",
        "a bug",
    ],
)
def test_a_history_in_which_something_is_wrong_is_not(
    replies: list[dict[str, Any]], found: Found, why: str
) -> None:
    with pytest.raises(AssertionError, match=why):
        heard(*replies).judge(found)


def test_a_second_reply_to_one_request_is_noticed() -> None:
    checker = heard(yes())

    with pytest.raises(AssertionError, match="second reply"):
        checker.hear({"id": 1} | yes(replayed=True))


def lesson(starts: str, ends: str, **who: str) -> dict[str, Any]:
    parties = {"instructorId": "ins_1", "vehicleId": "veh_1", "studentId": "stu_1"} | who
    return {"lesson": {"startsAt": starts, "endsAt": ends} | parties}


@pytest.mark.parametrize("who", ["instructorId", "vehicleId", "studentId"])
def test_nobody_and_nothing_is_in_two_lessons_at_a_time(who: str) -> None:
    others = {"instructorId": "ins_2", "vehicleId": "veh_2", "studentId": "stu_2"}
    first, after = lesson("09:00", "10:00"), lesson("10:00", "11:00")
    overlapping = lesson("09:30", "10:30", **{n: i for n, i in others.items() if n != who})

    check_times([first, after, lesson("09:30", "10:30", **others)])
    with pytest.raises(AssertionError, match="in two lessons"):
        check_times([first, overlapping])


async def look_at_spoilt(*spoil: str) -> None:
    """Let a desk work, do that to the tables, and look."""

    async def harm(work: Work) -> None:
        for statement in spoil:
            await work.tx.run(statement)

    async with running_app(surroundings=Surroundings(clock=FrozenClock())) as app:
        await app.open_store()
        await make_people(app.store)
        client = Client(app)
        for deed in islice(rush("desk", 0), 6):
            await client.call(deed.channel, **deed.params)
        await app.store.read(look_over)
        await app.store.write(harm, actor="tests")
        await app.store.read(look_over)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (["DELETE FROM idempotency_keys WHERE key = 'desk 0'"], "keys differ"),
        (["DELETE FROM payments WHERE asked_minor = 1000"], "rows and keys differ"),
        (
            [
                """UPDATE payments SET state = 'paid', received_minor = asked_minor,
                received_currency = currency"""
            ],
            "keys differ",
        ),
        (
            ["DELETE FROM resource_claims WHERE owner_id = (SELECT min(id) FROM lessons)"],
            "claims and rows differ",
        ),
        (
            [
                "DROP TRIGGER resource_claims_never_move",
                "UPDATE resource_claims SET ends_at = 2 * ends_at",
            ],
            "overlap",
        ),
    ],
    ids=["a key is lost", "a row is lost", "nobody paid", "a claim is lost", "two at a time"],
)
async def test_a_store_whose_tables_tell_different_stories_is_noticed(
    spoil: list[str], why: str
) -> None:
    with pytest.raises(AssertionError, match=why):
        await look_at_spoilt(*spoil)
