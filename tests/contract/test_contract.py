"""The files of this folder are what the backend answers; the Electron half reads the same ones.

`REGENERATE=1 pytest tests/contract` writes them anew.
"""

import os
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest

from rpcbackend.contract.shipped import read_contract
from rpcbackend.testing import running_app
from tests.contract.cases import CASES, replay, surroundings

FOLDER = Path(__file__).parent


def read_case(name: str) -> dict[str, Any]:
    case: dict[str, Any] = orjson.loads((FOLDER / f"{name}.json").read_bytes())
    return case


def write_case(name: str, case: dict[str, Any]) -> None:
    option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    (FOLDER / f"{name}.json").write_bytes(orjson.dumps(case, option=option))


@pytest.mark.parametrize("name", CASES)
async def test_a_call_is_answered_as_its_file_says(name: str) -> None:
    channel, params = CASES[name]
    async with running_app(surroundings=surroundings()) as app:
        response = await replay(app, channel, params)
    case = {"channel": channel, "params": params, "response": response}
    if os.environ.get("REGENERATE"):
        write_case(name, case)

    assert read_case(name) == case


def test_there_is_a_file_for_every_case_and_no_other() -> None:
    assert sorted(file.stem for file in FOLDER.glob("*.json")) == sorted(CASES)


@pytest.mark.parametrize("name", CASES)
def test_an_answer_fits_the_schema_that_the_contract_gives_its_channel(name: str) -> None:
    document = orjson.loads(read_contract())
    case = read_case(name)
    method = next((one for one in document["methods"] if one["name"] == case["channel"]), None)
    if "result" not in case["response"]:
        allowed = {one["code"] for one in (method or {}).get("errors", [])}
        assert case["response"]["error"]["code"] < 0 or case["response"]["error"]["code"] in allowed
        return
    assert method is not None
    answer = {key: value for key, value in case["response"]["result"].items() if key != "_meta"}
    schema = method["result"]["schema"] | {"components": document["components"]}

    jsonschema.validate(answer, schema)
