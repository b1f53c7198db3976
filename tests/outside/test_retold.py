"""A round as facts, and as a round again."""

from typing import get_args

import pytest

from rpcbackend.outside.delivery import Given, Later, Outcome, Refused, Sent, Unbegun
from rpcbackend.outside.ends import End
from rpcbackend.outside.retold import facts_of, round_of
from rpcbackend.outside.rounds import Round
from rpcbackend.store import Lease
from rpcbackend.store.transaction import Transaction
from tests.factories import an_id
from tests.store.test_outbox import HELLO

OUTCOMES: list[Outcome] = [
    Sent("ref"),
    Later("busy", via=an_id("prv")),
    Given("cannot be reached"),
    Unbegun(),
    Refused("no such user"),
]


async def leads(tx: Transaction) -> bool:  # noqa: ARG001 (the form)
    return True


def test_there_is_one_of_each_kind_here() -> None:
    assert [type(outcome) for outcome in OUTCOMES] == list(get_args(Outcome))


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: type(outcome).__name__)
def test_whatever_came_of_a_message_comes_of_it_again(outcome: Outcome) -> None:
    lease = Lease(id=an_id("msg"), epoch=2, number=3, attempt=1, message=HELLO)
    end = End(lease, outcome, 5)
    round_ = Round(
        epoch=2,
        leads=leads,
        held={an_id("msg", 2)},
        ends=[end],
        room={"mail": 3},
        tests_of=["sms"],
        behind=[an_id("msg", 3)],
        to_one={"webhook": 2},
        resting=[an_id("whk")],
        channels=(),
        providers=(),
        takes_over=False,
    )

    again = round_of(facts_of(round_), {lease.place: lease}, leads)

    assert again.ends == [end]
    assert facts_of(again) == facts_of(round_)
