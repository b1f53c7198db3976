"""How much is tried again."""

from hypothesis import given
from hypothesis import strategies as some

from rpcbackend.resilience.budget import RetryBudget


def spend_all(budget: RetryBudget) -> int:
    spent = 0
    while budget.spend():
        spent += 1
    return spent


def test_at_first_there_are_ten() -> None:
    assert spend_all(RetryBudget()) == 10


def test_then_one_for_ten_calls() -> None:
    budget = RetryBudget()
    spend_all(budget)

    for _ in range(9):
        budget.earn()

    assert not budget.spend()
    budget.earn()
    assert budget.spend()
    assert not budget.spend()


def test_no_more_than_ten_are_saved_up() -> None:
    budget = RetryBudget()

    for _ in range(10_000):
        budget.earn()

    assert spend_all(budget) == 10


@given(some.lists(some.booleans(), max_size=2_000))
def test_retries_are_never_more_than_a_tenth_of_the_calls_and_ten(steps: list[bool]) -> None:
    budget, calls, retries = RetryBudget(), 0, 0

    for is_call in steps:
        if is_call:
            calls += 1
            budget.earn()
        else:
            retries += budget.spend()

        assert retries <= 10 + calls / 10 + 1e-6
