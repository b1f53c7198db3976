"""The demo's end of the wire."""

from pathlib import Path

import pytest

from rpcbackend.demo.desk import Answer, DeskError, running_backend


async def test_a_real_process_answers_tells_its_news_and_leaves(tmp_path: Path) -> None:
    async with running_backend(tmp_path) as backend:
        ready = await backend.news("system.ready")
        pong = await backend.call("ping", {})
        await backend.call("events.subscribe", {})
        branch = {"name": "Mitte", "zone": "Europe/Berlin", "currency": "EUR"}
        first, second = [(await backend.call("branches.save", branch)).result for _ in range(2)]
        event = await backend.event(second["id"])

        assert ready["pid"] == backend.process.pid
        assert (pong.result, pong.is_error) == ({}, False)
        assert (event["seq"], event["type"], backend.events) == (2, "branches.saved", 2)
        assert first["id"] < second["id"]
        assert len(backend.latencies_ms) == 4
        assert await backend.end() == 0


async def test_a_backend_that_is_gone_is_an_error_and_no_wait(tmp_path: Path) -> None:
    async with running_backend(tmp_path) as backend:
        backend.process.kill()

        with pytest.raises(DeskError, match="has closed its end"):
            await backend.news("nothing that ever comes")


def test_a_refusal_where_an_answer_is_needed_is_told_in_its_own_words() -> None:
    refusal = Answer({"message": "No.", "data": {"code": "NOT_FOUND"}}, True, 1.0, 10)

    with pytest.raises(DeskError, match=r"NOT_FOUND: No\."):
        _ = refusal.result
