"""What was noted is removed once it is good for nothing."""

from pathlib import Path
from typing import Any

import pytest

from rpcbackend.testing import Client
from tests.jobs.test_warmer import BRANCH, ask, process


@pytest.mark.parametrize("cache", [{"bytes": 0}, {"warm": False}, {}], ids=str)
async def test_an_answer_that_holds_no_more_does_not_lie_in_the_store(
    tmp_path: Path, cache: dict[str, Any]
) -> None:
    async with process(tmp_path) as app:
        await Client(app).call("branches.save", **BRANCH)
        await ask(app, "branches.list")
    async with process(tmp_path, warm=False) as app:
        await Client(app).call("branches.save", **BRANCH | {"name": "Sued"})

    async with process(tmp_path, **cache) as app:
        await app.close()
    async with process(tmp_path, warm=False) as app:
        rows = await app.store.read(
            lambda work: work.tx.all("SELECT answer FROM cached_answers WHERE answer LIKE '%Nord%'")
        )
        assert [row for row in rows if "Sued" not in row["answer"]] == []
