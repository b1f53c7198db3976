"""Params as rpc.discover describes them: what fits is answered, what does not is told where."""

from typing import Any

import orjson
import pytest

from rpcbackend.errors import InvalidParamsError
from tests.clauses import clause
from tests.machine import request
from tests.properties.fitting import CHANNELS, METHODS, requests
from tests.properties.spoiling import Wrong, one_wrong
from tests.properties.wire import Wire, examine


@clause("one-reply-per-request", "result-is-an-object", "channel-described")
@pytest.mark.parametrize("channel", CHANNELS)
def test_a_request_built_from_the_contract_is_answered_as_the_contract_says(channel: str) -> None:
    declared = {error["code"] for error in METHODS[channel]["errors"]}

    async def answers(wire: Wire, message: Any) -> None:
        (reply,) = await wire.answers(orjson.dumps(message))

        assert "result" in reply or reply["error"]["code"] in declared

    examine(requests(channel), answers, share=0.25)


@clause("error-invalid-params", "error-quotes-nothing", "params-unknown-name", "meta-bounded")
@pytest.mark.parametrize("channel", CHANNELS)
def test_one_wrong_param_is_refused_by_its_path_and_never_quoted(channel: str) -> None:
    async def refuses(wire: Wire, wrong: Wrong) -> None:
        (reply,) = await wire.answers(orjson.dumps(request(1, channel, **wrong.params)))

        assert reply["error"]["code"] == InvalidParamsError.code
        paths = [error["path"] for error in reply["error"]["data"]["details"]["errors"]]
        assert any(f"{path}.".startswith(f"{wrong.path}.") for path in paths), paths
        said = orjson.dumps(reply)
        assert [canary for canary in wrong.canaries if canary in said] == []

    examine(one_wrong(channel), refuses, share=0.25)
