"""Letters and digits that people copy."""

import pytest

from rpcbackend.security.base62 import CHECKSUM_CHARS, base62, checksum


@pytest.mark.parametrize(
    ("number", "text"), [(0, "000"), (61, "00z"), (62, "010"), (62**3 - 1, "zzz")]
)
def test_a_number_is_written_in_so_many_characters(number: int, text: str) -> None:
    assert base62(number, 3) == text


def test_a_checksum_tells_a_text_from_one_with_another_letter() -> None:
    assert len(checksum("abc")) == CHECKSUM_CHARS
    assert checksum("abc") != checksum("abd")
