"""The files of this folder are what the backend answers; the Electron half reads the same ones.

`REGENERATE=1 pytest tests/contract` writes them anew.
"""

import os
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest

from rpcbackend.contract import shipped
from rpcbackend.contract.shipped import EXAMPLES_NAME, read_contract
from rpcbackend.methods import build_registry
from rpcbackend.security.redaction import redact_result
from rpcbackend.testing import running_app
from tests.contract.cases import CASES, replay, surroundings

FOLDER = Path(__file__).parent
EXAMPLES = Path(shipped.__file__).with_name(EXAMPLES_NAME)


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


def examples() -> dict[str, list[dict[str, Any]]]:
    """Return the cases as the package has them: by channel, and without secrets in answers."""
    registry = build_registry()
    found: dict[str, list[dict[str, Any]]] = {}
    for name in sorted(CASES):
        case = read_case(name)
        method = registry.get(case["channel"])
        told = {key: value for key, value in case["response"].items() if key in ("result", "error")}
        if method is not None and "result" in told:
            told["result"] = redact_result(method.result, told["result"], hidden)
        example = {"name": name.rpartition(".")[2], "params": case["params"]} | told
        found.setdefault(case["channel"], []).append(example)
    return found


def hidden(mark: str, value: Any) -> Any:
    return "…" if mark == "secret" else value


def test_the_package_has_the_cases_as_its_examples() -> None:
    if os.environ.get("REGENERATE"):
        option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        EXAMPLES.write_bytes(orjson.dumps(examples(), option=option))

    assert orjson.loads(EXAMPLES.read_bytes()) == examples()


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
