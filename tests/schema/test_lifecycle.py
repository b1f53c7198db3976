"""The wire models of a connection's begin and end."""

import pytest

from rpcbackend.schema.lifecycle import Initialize, Ready
from tests.schema.fits import broken, written

HELLO = {"protocolVersion": "1", "client": {"name": "app", "version": "1.2"}}
KEY = "A" * 43


def test_a_key_is_32_bytes_in_base64url_with_or_without_its_end_sign() -> None:
    for key in (KEY, KEY + "=", "-_" + KEY[2:]):
        assert broken(Initialize, HELLO | {"databaseKey": key}) == []
    for key in (KEY[1:], KEY + "A", KEY + "==", "+/" + KEY[2:], KEY + "\n", ""):
        assert broken(Initialize, HELLO | {"databaseKey": key}) == ["databaseKey"]


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"protocolVersion": ""}, "protocolVersion"),
        ({"protocolVersion": 1}, "protocolVersion"),
        ({"client": {"name": "app"}}, "client.version"),
        ({"parentPid": 0}, "parentPid"),
        ({"capability": "x"}, "capability"),
        ({"token": "x"}, "token"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_by_its_path(given: dict[str, object], path: str) -> None:
    assert broken(Initialize, HELLO | given) == [path]


def test_ready_is_written_as_the_shim_reads_it() -> None:
    ready = {
        "name": "rpcbackend",
        "version": "0.1.0",
        "protocolVersion": "1",
        "contractHash": "0" * 64,
        "pid": 7,
        "locked": False,
        "bootMs": 90,
    }

    assert written(Ready.model_validate(ready)) == ready
