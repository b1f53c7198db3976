"""The words that come with the program, and what may stand in those of a school."""

from itertools import product

import pytest

from rpcbackend.domain.templates import BUILT_IN, GIVEN, PLACES, PURPOSES, Wording, check
from rpcbackend.domain.values import sample
from rpcbackend.domain.wording import places_in
from rpcbackend.errors import TemplateError
from rpcbackend.schema.base import Language
from rpcbackend.schema.consents import MessageChannel
from rpcbackend.schema.templates import MAX_SMS, SaveTemplate, TemplateKind

USES = list(product(TemplateKind, MessageChannel, Language))


def test_every_occasion_has_words_by_every_way_in_every_language() -> None:
    assert set(BUILT_IN) == set(USES)
    assert set(PURPOSES) == set(TemplateKind) - {TemplateKind.MESSAGE}


@pytest.mark.parametrize("use", USES, ids=" ".join)
def test_our_own_words_could_be_saved_as_the_school_s(
    use: tuple[TemplateKind, MessageChannel, Language],
) -> None:
    kind, channel, language = use
    words = BUILT_IN[use]

    check(kind, words)
    assert (words.subject is None) == (channel is MessageChannel.SMS)
    assert channel is MessageChannel.MAIL or len(words.text) <= MAX_SMS
    SaveTemplate.model_validate(
        {
            "kind": kind,
            "channel": channel,
            "language": language,
            "subject": words.subject,
            "text": words.text,
        }
    )


@pytest.mark.parametrize("use", USES, ids=" ".join)
def test_a_sample_fills_every_place(use: tuple[TemplateKind, MessageChannel, Language]) -> None:
    kind, channel, language = use

    content = BUILT_IN[use].fill(sample(language), channel)

    assert places_in(content.text) | places_in(content.subject or "") == set()
    assert set(PLACES[kind]) <= set(sample(language))
    # Whoever sends has something to say, and it is said.
    texts = f"{BUILT_IN[use].subject}{BUILT_IN[use].text}"
    told = set(GIVEN.get(kind, ())) - ({"subject"} if channel is MessageChannel.SMS else set())
    assert told <= places_in(texts)


def test_a_reminder_reads_like_one() -> None:
    use = (TemplateKind.LESSON_REMINDER, MessageChannel.MAIL, Language.EN)

    content = BUILT_IN[use].fill(sample(Language.EN), MessageChannel.MAIL)

    assert content.subject == "Your driving lesson on Tue 24 Nov at 10:00"
    assert content.text == (
        "Hello Ada,\n\n"
        "you have a driving lesson with Ines Kraft on Tuesday, 24 November 2026 at 10:00.\n"
        "Where: as agreed\n\n"
        "If you cannot come, please tell us as early as you can.\n\n"
        "Fahrschule Mitte"
    )


def test_a_template_that_asks_for_what_there_is_not_is_refused_by_name() -> None:
    words = Wording("{link} {date}", "{givenName} {oldDate}{")

    with pytest.raises(TemplateError) as refused:
        check(TemplateKind.LESSON_REMINDER, words)

    assert refused.value.details == {
        "unknown": {"subject": ["link"], "text": ["oldDate", "{"]},
        "places": list(PLACES[TemplateKind.LESSON_REMINDER]),
    }
