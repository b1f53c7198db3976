"""The contract document that this version ships: made by `make gen`, checked to be current.

Building it takes 60 ms of schemas and validators; reading it takes none of a cold start.
"""

import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

FILE_NAME = "openrpc.json"

EXAMPLES_NAME = "examples.json"
"""Calls and their answers by channel, of tests/contract, which keeps them true."""


@cache
def read_contract() -> bytes:
    """Return the canonical OpenRPC document, encoded."""
    return (files("rpcbackend.contract") / FILE_NAME).read_bytes()


@cache
def read_examples() -> dict[str, list[dict[str, Any]]]:
    """Return the examples: each has a name, params, and a result or an error."""
    examples: dict[str, list[dict[str, Any]]] = orjson.loads(
        (files("rpcbackend.contract") / EXAMPLES_NAME).read_bytes()
    )
    return examples


@cache
def contract_hash() -> str:
    """Return the SHA-256 of the document, in hex: clients compare it with their own."""
    return hashlib.sha256(read_contract()).hexdigest()
