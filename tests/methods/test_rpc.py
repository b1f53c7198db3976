"""What rpc.discover answers."""

from pathlib import Path

from rpcbackend.contract.shipped import read_contract
from rpcbackend.methods import build_registry
from rpcbackend.protocol.codec import decode
from rpcbackend.testing import Client, running_app
from tests.factories import KEY, store_in


async def test_discover_answers_the_shipped_contract_with_every_channel(client: Client) -> None:
    document = await client.call("rpc.discover")

    assert document == decode(read_contract())
    assert [method["name"] for method in document["methods"]] == [
        method.channel for method in build_registry()
    ]


async def test_discover_answers_while_the_store_is_locked(tmp_path: Path) -> None:
    async with store_in(tmp_path, key=KEY):
        pass

    async with running_app(tmp_path) as app:
        document = await Client(app).call("rpc.discover")

    assert document == decode(read_contract())
