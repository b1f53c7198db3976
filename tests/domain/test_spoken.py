"""Dates, times and amounts as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from rpcbackend.domain.segments import count_segments
from rpcbackend.domain.spoken import amount_of, date_of, short_date_of, time_of
from rpcbackend.schema.base import Language
from rpcbackend.schema.payments import Money
from tests.factories import at

DE, EN = Language.DE, Language.EN


@pytest.mark.parametrize(
    ("zone", "language", "date", "short", "clock"),
    [
        ("Europe/Berlin", DE, "Dienstag, 24. November 2026", "Di, 24.11.", "00:30"),
        ("Europe/Berlin", EN, "Tuesday, 24 November 2026", "Tue 24 Nov", "00:30"),
        ("Europe/London", EN, "Monday, 23 November 2026", "Mon 23 Nov", "23:30"),
        ("Pacific/Auckland", DE, "Dienstag, 24. November 2026", "Di, 24.11.", "12:30"),
    ],
)
def test_an_instant_is_told_in_a_language_by_the_clock_of_a_zone(
    zone: str, language: Language, date: str, short: str, clock: str
) -> None:
    instant = at("2026-11-23T23:30:00Z")

    assert date_of(instant, zone, language) == date
    assert short_date_of(instant, zone, language) == short
    assert time_of(instant, zone) == clock


@pytest.mark.parametrize(
    ("language", "days", "months"),
    [
        (
            DE,
            "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
            "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        ),
        (
            EN,
            "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
            "January February March April May June July August September October November December",
        ),
    ],
)
def test_every_day_and_month_has_its_name(language: Language, days: str, months: str) -> None:
    week = [date_of(at(f"2026-11-{day}T12:00:00Z"), "UTC", language) for day in range(23, 30)]
    year = [date_of(at(f"2026-{month:02}-05T12:00:00Z"), "UTC", language) for month in range(1, 13)]

    assert [text.partition(",")[0] for text in week] == days.split()
    assert [text.split()[2] for text in year] == months.split()


def test_may_is_short_enough_as_it_is() -> None:
    assert short_date_of(at("2026-05-05T12:00:00Z"), "UTC", EN) == "Tue 5 May"


@pytest.mark.parametrize(
    ("minor", "currency", "german", "english"),
    [
        (4_500, "EUR", "45,00 €", "€45.00"),
        (5, "EUR", "0,05 €", "€0.05"),
        (123_456_789, "EUR", "1.234.567,89 €", "€1,234,567.89"),
        (9_000, "CHF", "90,00 CHF", "CHF 90.00"),
        (2_000, "GBP", "20,00 £", "£20.00"),
        (4_500, "JPY", "4.500 JPY", "JPY 4,500"),
        (4_500, "KWD", "4,500 KWD", "KWD 4.500"),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency(
    minor: int, currency: str, german: str, english: str
) -> None:
    money = Money(amount=minor, currency=currency)

    assert (amount_of(money, DE), amount_of(money, EN)) == (german, english)


@given(minor=some.integers(1, 10**9), currency=some.sampled_from(["EUR", "JPY", "KWD", "CHF"]))
def test_an_amount_loses_no_digit_and_makes_no_sms_longer(minor: int, currency: str) -> None:
    money = Money(amount=minor, currency=currency)

    for text in (amount_of(money, DE), amount_of(money, EN)):
        assert int("".join(sign for sign in text if sign.isdigit())) == minor
        assert count_segments(text).encoding == "gsm7"
