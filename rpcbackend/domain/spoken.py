"""Dates, times and amounts as people write them, by language."""

from dataclasses import dataclass
from datetime import datetime

from rpcbackend.domain.zones import zone_of
from rpcbackend.schema.base import Language
from rpcbackend.schema.payments import Money


@dataclass(frozen=True, slots=True)
class _Words:
    """How a language writes dates: places are `day`, `month` and so on."""

    days: tuple[str, ...]
    """Monday to Sunday."""
    months: tuple[str, ...]
    date: str
    short_date: str


_WORDS = {
    Language.DE: _Words(
        ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
        (
            *("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli"),
            *("August", "September", "Oktober", "November", "Dezember"),
        ),
        "{weekday}, {day}. {month} {year}",
        "{weekday:.2}, {day}.{number}.",
    ),
    Language.EN: _Words(
        ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        (
            *("January", "February", "March", "April", "May", "June", "July"),
            *("August", "September", "October", "November", "December"),
        ),
        "{weekday}, {day} {month} {year}",
        "{weekday:.3} {day} {month:.3}",
    ),
}


def date_of(at: datetime, zone: str, language: Language) -> str:
    """Return a date such as Tuesday, 24 November 2026."""
    return _date(_WORDS[language].date, at, zone, language)


def short_date_of(at: datetime, zone: str, language: Language) -> str:
    """Return a date such as Tue 24 Nov."""
    return _date(_WORDS[language].short_date, at, zone, language)


def time_of(at: datetime, zone: str) -> str:
    """Return the time that the clock on the wall shows, such as 09:30, which all understand."""
    return at.astimezone(zone_of(zone)).isoformat()[11:16]


_DECIMALS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF"), 0),
    **dict.fromkeys(("UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
"""Of currencies that have not two (ISO 4217, list one)."""

_SIGNS = {"EUR": "€", "GBP": "£", "USD": "$"}


def amount_of(money: Money, language: Language) -> str:
    """Return an amount such as €1,234.50; all of its signs are of the alphabet of an SMS."""
    decimals = _DECIMALS.get(money.currency, 2)
    whole, rest = divmod(money.amount, 10**decimals)
    number = f"{whole:,}" + (f".{rest:0{decimals}}" if decimals else "")
    sign = _SIGNS.get(money.currency, money.currency)
    if language is Language.DE:
        return f"{number.translate(_GERMAN)} {sign}"
    return f"{sign}{number}" if sign != money.currency else f"{sign} {number}"


_GERMAN = str.maketrans(",.", ".,")


def _date(form: str, at: datetime, zone: str, language: Language) -> str:
    words, on = _WORDS[language], at.astimezone(zone_of(zone)).date()
    # The forms are ours; nothing that somebody wrote comes here.
    return form.format(
        weekday=words.days[on.weekday()],
        day=on.day,
        month=words.months[on.month - 1],
        number=on.month,
        year=on.year,
    )
