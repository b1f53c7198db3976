"""Limiters in several processes: each admits at once, all together what one would."""

from hypothesis import given
from hypothesis import strategies as st

from rpcbackend.resilience.shares import KEYS_AT_A_TIME, Rates, SharedGcra, Told

RATE, BURST = 10.0, 8


class Processes:
    """Processes that tell each other what they admitted, when the test says so."""

    def __init__(self, count: int) -> None:
        self.rates = [Rates() for _ in range(count)]
        self.limiters = [rates.limiter("query", RATE, BURST) for rates in self.rates]
        for rates in self.rates:
            rates.share(is_shared=True)

    def tell(self, number: int, now: float) -> None:
        """Let the others hear of one."""
        for told in list(self.rates[number].take_told()):
            for other, rates in enumerate(self.rates):
                if other != number:
                    rates.hear(told, now)

    def tell_all(self, now: float) -> None:
        """Let all hear of all."""
        for number in range(len(self.rates)):
            self.tell(number, now)


def use_up(limiter: SharedGcra, now: float) -> int:
    count = 0
    while limiter.take("usr_1", now) == 0:
        count += 1
    return count


@given(
    count=st.integers(1, 4),
    steps=st.lists(
        st.tuples(st.integers(0, 3), st.integers(1, 20), st.sampled_from([0, 0.05, 0.3])),
        max_size=60,
    ),
)
def test_in_the_long_run_a_caller_has_his_rate_and_a_burst_in_each_process_at_most(
    count: int, steps: list[tuple[int, int, float]]
) -> None:
    """Whatever he spreads where: the slack is what passes before they have heard of each other."""
    processes, now, last_told, admitted = Processes(count), 0.0, 0.0, 0
    for number, tries, seconds in steps:
        limiter = processes.limiters[number % count]
        admitted += sum(limiter.take("usr_1", now) == 0 for _ in range(tries))
        now += seconds
        if now - last_told >= 1:
            processes.tell_all(now)
            last_told = now

    lag = 1.3
    assert admitted <= RATE * now + count * (BURST + RATE * lag)


def test_what_one_admitted_the_others_refuse_once_they_have_heard_of_it() -> None:
    processes = Processes(4)
    assert use_up(processes.limiters[0], 0.0) == BURST

    processes.tell(0, 0.0)

    assert [use_up(each, 0.0) for each in processes.limiters] == [0] * 4
    assert [use_up(each, 1 / RATE) for each in processes.limiters] == [1] * 4


def test_who_took_a_burst_from_each_pays_for_all_of_them() -> None:
    processes = Processes(4)
    assert [use_up(each, 0.0) for each in processes.limiters] == [BURST] * 4

    processes.tell_all(0.0)

    paid_at = 3 * BURST / RATE
    assert [use_up(each, paid_at) for each in processes.limiters] == [0] * 4
    assert [use_up(each, paid_at + 1 / RATE) for each in processes.limiters] == [1] * 4


def test_each_thing_is_told_once_and_what_is_one_processs_own_never() -> None:
    (rates,) = Processes(1).rates
    limiter = rates.limiter("auth", RATE, BURST)
    for key, is_shared in (("usr_1", True), ("con_1", False), ("usr_1", True)):
        limiter.take(key, 0.0, is_shared=is_shared)

    assert list(rates.take_told()) == [{"auth": {"usr_1": 2}}]
    assert list(rates.take_told()) == []


def test_nothing_is_remembered_for_others_where_there_are_none() -> None:
    rates = Rates()
    limiter = rates.limiter("query", RATE, BURST)

    use_up(limiter, 0.0)
    rates.share(is_shared=True)

    assert list(rates.take_told()) == []


def test_who_took_a_quarter_of_a_burst_is_told_of_soon() -> None:
    hurried: list[int] = []
    (rates,) = (processes := Processes(1)).rates
    rates.on_hurry = lambda: hurried.append(1)

    taken = [(processes.limiters[0].take("usr_1", 0.0), len(hurried)) for _ in range(4)]

    assert taken == [(0, 0), (0, 1), (0, 1), (0, 1)]


def test_what_many_callers_took_goes_in_messages_of_moderate_size() -> None:
    (rates,) = (processes := Processes(1)).rates
    for number in range(2 * KEYS_AT_A_TIME + 1):
        processes.limiters[0].take(f"2001:db8:0:0:0:0:0:{number:04}", 0.0)

    sizes = [len(told["query"]) for told in rates.take_told()]

    assert sizes == [KEYS_AT_A_TIME, KEYS_AT_A_TIME, 1]


def test_a_limiter_that_is_not_here_is_not_charged() -> None:
    (rates,) = (processes := Processes(1)).rates
    told: Told = {"stranger": {"192.0.2.1": 7}, "query": {"usr_1": BURST}}

    rates.hear(told, 0.0)

    assert use_up(processes.limiters[0], 0.0) == 0
