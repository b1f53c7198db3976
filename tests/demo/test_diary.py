"""Quarter hours as bits."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from rpcbackend.demo.diary import Diary, quarters

MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)

FIRST = st.integers(0, 95)
MINUTES = st.sampled_from([15, 45, 90, 600])


@given(FIRST, MINUTES, FIRST, MINUTES)
def test_two_times_share_a_quarter_exactly_when_they_overlap(
    first: int, minutes: int, other_first: int, other_minutes: int
) -> None:
    diary = Diary()
    diary.take(["her"], MONDAY, quarters(first, minutes))

    is_free = diary.is_free(["her"], MONDAY, quarters(other_first, other_minutes))

    end, other_end = first + minutes // 15, other_first + other_minutes // 15
    assert is_free == (end <= other_first or other_end <= first)


def test_what_runs_past_midnight_takes_the_next_morning_too() -> None:
    diary = Diary()
    diary.take(["her"], MONDAY, quarters(93, 90))

    assert [
        diary.is_free(["her"], TUESDAY, quarters(2, 15)),
        diary.is_free(["her"], TUESDAY, quarters(3, 15)),
        diary.minutes_on("her", MONDAY),
        diary.minutes_on("her", TUESDAY),
    ] == [False, True, 45, 45]


def test_one_who_is_busy_makes_all_of_them_unfree() -> None:
    diary = Diary()
    diary.take_day("him", MONDAY)

    assert [
        diary.is_free(["her"], MONDAY, quarters(40, 90)),
        diary.is_free(["her", "him"], MONDAY, quarters(40, 90)),
        diary.is_free(["her", "him"], TUESDAY, quarters(40, 90)),
    ] == [True, False, True]
