"""A disk that fails while the real process serves (Linux: a limit stands for the full disk)."""

import resource
from pathlib import Path

from tests.e2e.backend import Start
from tests.machine import request


async def test_a_disk_that_fails_under_way_exits_with_74_and_keeps_what_it_acknowledged(
    start: Start, tmp_path: Path
) -> None:
    backend = await start()
    branch = await backend.call("branches.save", name="Mitte", zone="Europe/Berlin", currency="EUR")
    largest = (tmp_path / "data" / "school.db-wal").stat().st_size

    # A write beyond that size fails, as on a full disk.
    resource.prlimit(backend.pid, resource.RLIMIT_FSIZE, (largest, largest))
    reply = await backend.ask(
        request(1, "branches.save", name="Ost", zone="Europe/Berlin", currency="EUR")
    )

    assert "error" in reply, reply
    assert await backend.exit_code() == 74
    again = await start()
    listed = (await again.call("branches.list"))["items"]
    assert branch["id"] in {stored["id"] for stored in listed}
