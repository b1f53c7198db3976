"""What travels beside the params of any call."""

import pytest

from rpcbackend.schema.meta import MAX_TIMEOUT_MS, CallMeta
from tests.schema.fits import broken, written


def test_a_call_without_options_has_none() -> None:
    assert written(CallMeta()) == {
        "token": None,
        "idempotencyKey": None,
        "timeoutMs": None,
        "progressToken": None,
        "dryRun": False,
        "ifRev": None,
        "asOf": None,
        "traceparent": None,
        "capability": None,
    }


@pytest.mark.parametrize(
    ("given", "fits"),
    [
        ({"idempotencyKey": "k" * 128}, True),
        ({"idempotencyKey": "k" * 129}, False),
        ({"idempotencyKey": ""}, False),
        ({"idempotencyKey": 7}, False),
        ({"timeoutMs": MAX_TIMEOUT_MS}, True),
        ({"timeoutMs": MAX_TIMEOUT_MS + 1}, False),
        ({"timeoutMs": 0}, False),
        ({"timeoutMs": 1.5}, False),
        ({"dryRun": True}, True),
        ({"dryRun": 1}, False),
        ({"progressToken": "p"}, True),
        ({"progressToken": 7}, True),
        ({"progressToken": True}, False),
        ({"asOf": "2026-11-23T08:00:00Z"}, True),
        ({"asOf": "yesterday"}, False),
        ({"token": "t" * 4_096}, True),
        ({"token": "t" * 4_097}, False),
        ({"idempotency_key": "k"}, False),
        ({"other": 1}, False),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_option_is_taken_within_its_bounds(given: dict[str, object], fits: bool) -> None:
    assert (broken(CallMeta, given) == []) is fits
