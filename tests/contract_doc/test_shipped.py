"""The contract as it is shipped."""

import hashlib
from pathlib import Path

import orjson

import rpcbackend.contract
from rpcbackend.contract.shipped import contract_hash, read_contract
from rpcbackend.protocol.codec import canonical
from rpcbackend.testing import Client

FILE = Path(rpcbackend.contract.__path__[0]) / "openrpc.json"


def test_the_contract_is_the_file_and_its_hash_the_file_s() -> None:
    assert read_contract() == FILE.read_bytes()
    assert contract_hash() == hashlib.sha256(FILE.read_bytes()).hexdigest()


def test_the_file_is_canonical() -> None:
    assert canonical(orjson.loads(FILE.read_bytes())) == FILE.read_bytes()


async def test_discover_answers_the_document(client: Client) -> None:
    assert await client.call("rpc.discover") == orjson.loads(FILE.read_bytes())
