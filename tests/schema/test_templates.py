"""The wire models of templates."""

import pytest

from rpcbackend.schema.templates import ListTemplates, SaveTemplate
from tests.schema.fits import broken, written

SAVE = {"kind": "message", "channel": "mail", "language": "de"}


def test_words_may_be_left_out_and_the_rest_not() -> None:
    assert written(SaveTemplate.model_validate(SAVE)) == SAVE | {
        "subject": None,
        "text": None,
        "expectedVersion": None,
    }
    assert broken(SaveTemplate, {}) == sorted(SAVE)
    assert broken(ListTemplates, {"kind": "message"}) == ["kind"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("kind", "love_letter"),
        ("channel", "post"),
        ("language", "xx"),
        ("subject", "two\nlines"),
        ("subject", "x" * 201),
        ("subject", " "),
        ("text", "x" * 5_001),
        ("text", "a\x1bb"),
        ("text", ""),
    ],
)
def test_what_does_not_fit_is_refused_by_its_path(path: str, value: str) -> None:
    assert broken(SaveTemplate, SAVE | {path: value}) == [path]
