"""How channels and errors read in Markdown."""

from typing import Any

import pytest

from rpcbackend.contract.markdown import write_channels, write_errors
from rpcbackend.contract.openrpc import build_openrpc
from rpcbackend.rpc_error import RpcError, default_message
from tests.dispatch.test_registry import list_page, play
from tests.machine import make_registry

CHANNEL = """\
## `test.list`

Return a page.

More is said here.

command · permission `students:read` · delivered again: `key` · events `students.created`

| member | type | required | |
| --- | --- | --- | --- |
| `label` | string | no |  |

Answers [Said](#said).

Errors: `REQUEST_CANCELLED`, `INVALID_PARAMS`, `DEADLINE_EXCEEDED`, `SHUTTING_DOWN`, \
`OVERLOADED`, `RATE_LIMITED`, `NOT_INITIALIZED`, `UNAUTHENTICATED`, `SESSION_EXPIRED`, \
`FORBIDDEN`, `SCOPE_MISSING`, `NOT_FOUND`, `IDEMPOTENCY_KEY_REUSED`, \
`READ_ONLY_MODE`.
"""

SAID = """\
### Said

What the toys answer.

| member | type | required | |
| --- | --- | --- | --- |
| `text` | string | yes |  |
"""


def test_a_channel_has_its_section_and_a_result_its_table() -> None:
    written = write_channels(build_openrpc(make_registry(list_page)))

    assert CHANNEL in written
    assert SAID in written
    assert "### Label" not in written


def test_a_job_s_channel_says_what_the_job_answers_too() -> None:
    written = write_channels(build_openrpc(make_registry(play)))

    assert "job · permission `public`" in written
    assert "Answers [JobStarted](#jobstarted).\n\nThe job answers [Said](#said).\n" in written
    assert SAID in written


def test_an_empty_answer_and_empty_params_are_said_in_words() -> None:
    written = write_channels(
        {
            "components": {"schemas": {"NoParams": {}, "Empty": {}}},
            "methods": [
                {
                    "name": "ping",
                    "description": "Answer at once.",
                    "x-kind": "query",
                    "x-rev": False,
                    "x-permission": "public",
                    "x-events": [],
                    "x-params": "NoParams",
                    "result": {"name": "Empty"},
                    "errors": [],
                }
            ],
        }
    )

    assert "\nquery · permission `public`\n" in written
    assert "\nTakes no params.\n" in written
    assert "\nAnswers Empty (`{}`).\n" in written


@pytest.mark.parametrize(
    ("schema", "type_"),
    [
        ({"type": "string"}, "string"),
        ({"type": "string", "format": "date-time"}, "date-time"),
        ({"$ref": "#/components/schemas/Lesson"}, "[Lesson](#lesson)"),
        ({"enum": ["a", "b"]}, "`a` \\| `b`"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ({"type": "array", "items": {"type": "integer"}}, "list of integer"),
        ({"type": "array"}, "list of any"),
        ({}, "any"),
    ],
    ids=str,
)
def test_a_type_is_said_in_words(schema: dict[str, Any], type_: str) -> None:
    thing = {"properties": {"member": schema}, "description": "A thing."}

    written = write_channels({"components": {"schemas": {"Thing": thing}}, "methods": []})

    assert f"| `member` | {type_} | no |  |\n" in written


def test_every_error_has_its_row_by_code() -> None:
    rows = [line for line in write_errors().splitlines() if line.startswith(("| -", "| 1"))][1:]

    assert rows == [
        f"| {code} | {error.symbol} | {error.error_type} | {'yes' if error.retryable else 'no'} |"
        f" {default_message(error)} |"
        for code, error in sorted(RpcError.by_code.items())
    ]
