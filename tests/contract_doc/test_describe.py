"""What is shipped and committed of the contract equals what the code says now.

After a change of any channel: `make gen`.
"""

from pathlib import Path

import orjson
import pytest

from rpcbackend.contract.describe import describe

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(
    ("form", "file"),
    [
        ("openrpc", "rpcbackend/contract/openrpc.json"),
        ("typescript", "electron-shim/src/generated/channels.gen.ts"),
        ("markdown", "docs/channels.md"),
        ("errors", "docs/errors.md"),
        ("settings", "docs/configuration.md"),
    ],
)
def test_the_committed_file_is_current(form: str, file: str) -> None:
    assert (ROOT / file).read_text(encoding="utf-8") == describe(form)


def test_the_schemas_alone_are_json_schema() -> None:
    schemas = orjson.loads(describe("jsonschema"))

    assert list(schemas) == ["$defs"]
    assert schemas["$defs"] == orjson.loads(describe("openrpc"))["components"]["schemas"]
