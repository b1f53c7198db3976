"""The commands beside serve, each run to its end as a person would."""

from pathlib import Path

import orjson

from rpcbackend.contract.describe import describe
from tests.e2e.backend import run


async def test_call_prints_the_result_of_one_call(tmp_path: Path) -> None:
    saved = await run(
        *("call", "branches.save"),
        '{"name": "Mitte", "zone": "Europe/Berlin", "currency": "EUR"}',
        *("--data-dir", str(tmp_path)),
    )

    listed = await run("call", "branches.list", "--data-dir", str(tmp_path))

    assert (saved[0], saved[2], listed[0], listed[2]) == (0, "", 0, "")
    branch = orjson.loads(saved[1])
    branch.pop("_meta")
    assert orjson.loads(listed[1])["items"] == [branch]
    assert listed[1].startswith(b'{\n  "items": [')


async def test_describe_prints_the_contract() -> None:
    assert await run("describe") == (0, describe("openrpc").encode(), "")
