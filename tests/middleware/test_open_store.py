"""When the store opens."""

from dataclasses import replace
from pathlib import Path

import pytest

from rpcbackend.app import Application
from rpcbackend.errors import NotInitializedError
from rpcbackend.middleware.open_store import open_store
from rpcbackend.testing import running_app
from tests.clauses import clause
from tests.machine import Said, say
from tests.middleware.calls import make_call, passing

needing = replace(say, needs_store=True)


@clause("initialize-not-needed")
async def test_the_first_call_that_needs_the_store_opens_it() -> None:
    async with running_app() as app:
        assert not app.is_open

        assert await passing(open_store, make_call(needing, host=app, label="a")) == Said(text="a")

        assert app.is_open
        assert await passing(open_store, make_call(needing, host=app, label="b")) == Said(text="b")


async def test_a_call_that_needs_no_store_leaves_it_alone() -> None:
    async with running_app() as app:
        assert await passing(open_store, make_call(say, host=app, label="a")) == Said(text="a")

        assert not app.is_open


@clause("error-locked")
async def test_a_store_that_waits_for_its_key_refuses(tmp_path: Path) -> None:
    (tmp_path / "school.db").write_bytes(bytes(range(100)))
    app = Application(tmp_path)

    with pytest.raises(NotInitializedError):
        await passing(open_store, make_call(needing, host=app))

    assert await passing(open_store, make_call(say, host=app, label="a")) == Said(text="a")
