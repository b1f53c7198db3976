"""What a text message costs, against the tables of 3GPP TS 23.038."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from rpcbackend.domain.segments import MOST_PARTS, Segments, count_segments, fit, fits


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("gsm7", 1, 0)),
        ("Fahrstunde um 9 Uhr", ("gsm7", 1, 19)),
        ("a" * 160, ("gsm7", 1, 160)),
        ("a" * 161, ("gsm7", 2, 161)),
        ("a" * 306, ("gsm7", 2, 306)),
        ("a" * 307, ("gsm7", 3, 307)),
        ("ÄÖÜäöüß§ñà", ("gsm7", 1, 10)),
        ("€", ("gsm7", 1, 2)),
        ("[]{}\\|~^€\f", ("gsm7", 1, 20)),
        ("€" * 80, ("gsm7", 1, 160)),
        ("€" * 80 + "a", ("gsm7", 2, 161)),
        # Of 153 septets a pair takes no last one: 76 pairs a part.
        ("€" * 153, ("gsm7", 3, 306)),
        ("a" + "€" * 152, ("gsm7", 2, 305)),
        ("é", ("gsm7", 1, 1)),
        ("ê", ("ucs2", 1, 1)),
        ("„Fahrstunde“", ("ucs2", 1, 12)),
        ("ж" * 70, ("ucs2", 1, 70)),
        ("ж" * 71, ("ucs2", 2, 71)),
        ("ж" * 134, ("ucs2", 2, 134)),
        ("ж" * 135, ("ucs2", 3, 135)),
        ("🚗", ("ucs2", 1, 2)),
        ("🚗" * 35, ("ucs2", 1, 70)),
        # 33 of them fill 66 of 67 units.
        ("🚗" * 66, ("ucs2", 2, 132)),
        ("🚗" * 67, ("ucs2", 3, 134)),
        ("a" * 70 + "ж", ("ucs2", 2, 71)),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_a_text_is_so_many_messages(text: str, expected: tuple[str, int, int]) -> None:
    assert count_segments(text) == expected


@given(one=some.text(max_size=400), other=some.text(max_size=400))
def test_parts_are_never_fewer_than_their_units_need_nor_than_those_of_a_beginning(
    one: str, other: str
) -> None:
    both = count_segments(one + other)

    assert both.parts >= count_segments(one).parts
    room = 153 if both.encoding == "gsm7" else 67
    assert both.parts == 1 or both.units <= both.parts * room
    assert isinstance(both, Segments)


@given(text=some.text(alphabet="aé€ê🚗 \n", min_size=300, max_size=2_000))
def test_what_is_too_long_is_cut_as_late_as_can_be_and_shows_it(text: str) -> None:
    cut = fit(text)

    assert count_segments(cut).parts <= MOST_PARTS
    if fits(text):
        assert cut == text
        return
    kept = cut.removesuffix("...")
    assert cut == kept + "..."
    assert text.startswith(kept)
    rest = text.removeprefix(kept)
    more = len(rest) - len(rest.lstrip()) + 1
    assert not fits(text[: len(kept) + more] + "...")


def test_the_sign_of_a_cut_makes_no_other_alphabet_of_a_text() -> None:
    assert fit("a" * 2_000) == "a" * (1_530 - 3) + "..."
