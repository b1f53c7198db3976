"""`rpcbackend top` beside a backend that serves."""

from pathlib import Path

from tests.e2e.backend import Backend, run


async def test_top_shows_what_a_backend_does_and_leaves_nothing_behind(tmp_path: Path) -> None:
    data = tmp_path / "data"
    backend = await Backend.start(data)
    await backend.line()
    await backend.call("branches.list")

    code, out, err = await run("top", "--once", "--data-dir", str(data), COLUMNS="120")

    assert (code, err) == (0, "")
    text = out.decode()
    assert f"pid {backend.pid}" in text
    assert "branches.list" in text
    assert not (data / "top.request").exists()
    assert await backend.end() == 0
    assert not (data / "top.json").exists()
