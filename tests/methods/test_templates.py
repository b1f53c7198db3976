"""What the templates.* channels answer."""

from typing import Any

import pytest

from rpcbackend.domain.templates import BUILT_IN, PLACES
from rpcbackend.schema.templates import TemplateKind
from rpcbackend.store import Store
from rpcbackend.testing import CallFailedError, Client
from tests.factories import told_of
from tests.people import refused

USE = {"kind": "lesson_reminder", "channel": "mail", "language": "en"}
WORDS = {"subject": "At {time}", "text": "{givenName}, see you on {shortDate}.\n{school}"}


async def find(client: Client, **use: str) -> dict[str, Any]:
    items = (await client.call("templates.list"))["items"]
    (found,) = [one for one in items if all(one[name] == use[name] for name in use)]
    template: dict[str, Any] = found
    return template


async def test_the_words_that_come_with_the_program_are_listed(client: Client) -> None:
    items = (await client.call("templates.list"))["items"]

    assert [(one["kind"], one["channel"], one["language"]) for one in items] == [
        (str(kind), str(channel), str(language)) for kind, channel, language in BUILT_IN
    ]
    assert {(one["isOwn"], one["version"]) for one in items} == {(False, None)}
    for one in items:
        assert one["places"] == list(PLACES[TemplateKind(one["kind"])])
        assert (one["subject"] is None) == (one["channel"] == "sms")


async def test_own_words_are_answered_as_they_read_and_told_of(
    client: Client, store: Store
) -> None:
    saved = await client.call("templates.save", **USE, **WORDS)

    template = await find(client, **USE)
    assert saved == {
        "template": USE
        | WORDS
        | {"places": list(PLACES[TemplateKind.LESSON_REMINDER]), "isOwn": True, "version": 1},
        "sample": {
            "subject": "At 10:00",
            "text": "Ada, see you on Tue 24 Nov.\nFahrschule Mitte",
        },
    }
    assert template == saved["template"]
    (event,) = await told_of(store, 0)
    assert (event[0], event[1]["type"], event[1]["version"]) == ("templates.saved", "template", 1)
    assert event[2] == USE


async def test_no_words_take_those_of_the_program_again(client: Client) -> None:
    ours = await find(client, **USE)
    await client.call("templates.save", **USE, **WORDS)

    back = await client.call("templates.save", **USE, expectedVersion=1)
    again = await client.call("templates.save", **USE, **WORDS)

    assert back["template"] == ours | {"version": 2}
    assert back["sample"]["text"].startswith("Hello Ada,")
    assert (again["template"]["isOwn"], again["template"]["version"]) == (True, 3)


async def test_a_dry_run_shows_how_words_read_and_keeps_nothing(client: Client) -> None:
    before = await find(client, **USE)

    shown = await client.call("templates.save", **USE, **WORDS, _meta={"dryRun": True})

    assert shown["sample"]["subject"] == "At 10:00"
    assert await find(client, **USE) == before


async def test_words_that_somebody_changed_meanwhile_are_not_replaced(client: Client) -> None:
    await client.call("templates.save", **USE, **WORDS)

    for version in (0, 2):
        wanted = USE | WORDS | {"expectedVersion": version}
        expected = "INVALID_PARAMS" if version == 0 else "VERSION_CONFLICT"
        assert await refused(client, "templates.save", **wanted) == expected


async def test_places_that_there_are_not_are_named(client: Client) -> None:
    wanted = USE | {"subject": "{link}", "text": "{given_name} {oldDate}"}

    with pytest.raises(CallFailedError) as failed:
        await client.call("templates.save", **wanted)

    assert failed.value.symbol == "TEMPLATE_ERROR"
    assert failed.value.details == {
        "unknown": {"subject": ["link"], "text": ["given_name", "oldDate"]},
        "places": list(PLACES[TemplateKind.LESSON_REMINDER]),
    }


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"subject": None}, {"path": "subject", "rule": "of_mail_alone"}),
        ({"text": None}, {"path": "subject", "rule": "of_mail_alone"}),
        ({"channel": "sms"}, {"path": "subject", "rule": "of_mail_alone"}),
        (
            {"channel": "sms", "subject": None, "text": "x" * 613},
            {"path": "text", "rule": "too_long"},
        ),
    ],
)
async def test_what_is_not_of_the_channel_is_refused(
    client: Client, given: dict[str, Any], fault: dict[str, str]
) -> None:
    with pytest.raises(CallFailedError) as failed:
        await client.call("templates.save", **USE | WORDS | given)

    assert failed.value.symbol == "INVALID_PARAMS"
    assert (failed.value.details or {})["errors"] == [fault]


async def test_words_that_would_make_too_many_parts_of_an_sms_are_refused_with_their_number(
    client: Client,
) -> None:
    words = "ж" * 540 + "{date}" * 6

    with pytest.raises(CallFailedError) as failed:
        await client.call("templates.save", **USE | {"channel": "sms", "text": words})

    assert (failed.value.symbol, failed.value.details) == (
        "TEMPLATE_ERROR",
        {"segments": 11, "most": 10},
    )


@pytest.mark.parametrize("subject", ["a\nb", "a\rb", "a\u2028b", "a\x85b", "a\0b"])
async def test_a_subject_of_two_lines_is_refused(client: Client, subject: str) -> None:
    wanted = USE | WORDS | {"subject": subject}

    assert await refused(client, "templates.save", **wanted) == "INVALID_PARAMS"
