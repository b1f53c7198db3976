"""What the transcripts.* channels answer."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from rpcbackend.config import RecordSettings
from rpcbackend.store import Place
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import TIMEOUT_SECONDS, CallFailedError, Client, running_app
from rpcbackend.transcripts.files import open_transcript
from rpcbackend.transcripts.format import read_header
from rpcbackend.transcripts.recording import recording
from tests.people import refused
from tests.transcripts.desks import NAME, assert_same, recorded, replayed
from tests.transcripts.scripts import asked, write_script


async def listed(client: Client, count: int) -> list[dict[str, Any]]:
    """Return the files once so many have a header: a thread begins them."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            items: list[dict[str, Any]] = (await client.call("transcripts.list"))["items"]
            if sum(item["startedAt"] is not None for item in items) == count:
                return items


async def test_a_process_that_records_nothing_has_no_transcripts(client: Client) -> None:
    assert await client.call("transcripts.list") == {"items": []}
    assert await refused(client, "transcripts.inspect", name=NAME) == "NOT_FOUND"


async def test_the_files_of_the_transcript_are_listed_and_shown_as_a_page(tmp_path: Path) -> None:
    older = write_script(tmp_path / NAME, [asked(1, 1, "ping")])
    size = older.stat().st_size
    header = read_header(older.read_bytes().splitlines()[0])
    async with recorded(tmp_path) as client:
        items = await listed(client, 2)
        page = await client.call("transcripts.inspect", name=f"{NAME}.1")

    assert [item["name"] for item in items] == [NAME, f"{NAME}.1"]
    assert items[1] == {
        "name": f"{NAME}.1",
        "bytes": size,
        "isSealed": False,
        "startedAt": header.started_at.replace(".000Z", "Z"),
        "version": header.version,
        "part": 1,
    }
    assert page["name"] == f"{NAME}.1"
    assert page["html"].startswith("<!doctype html>\n")
    assert f"<title>{NAME}.1 · transcript</title>" in page["html"]


@pytest.mark.parametrize("text", ["", "not a header\n"])
async def test_a_transcript_without_a_header_is_not_called_one_of_another_key(
    tmp_path: Path, text: str
) -> None:
    async with recorded(tmp_path) as client:
        await listed(client, 1)
        (tmp_path / f"{NAME}.1").write_text(text, encoding="utf-8")
        with pytest.raises(CallFailedError, match="NOT_FOUND The transcript begins with no header"):
            await client.call("transcripts.inspect", name=f"{NAME}.1")


async def test_no_name_leads_out_of_the_transcript(tmp_path: Path) -> None:
    (tmp_path / "other.jsonl").write_text("{}\n", encoding="utf-8")
    async with recorded(tmp_path) as client:
        for name in ("other.jsonl", "../transcript.jsonl", f"/{NAME}", f"{NAME}.2", "\x00"):
            assert await refused(client, "transcripts.inspect", name=name) == "NOT_FOUND"


async def test_a_recording_does_not_hold_the_recording_and_replays(tmp_path: Path) -> None:
    async with recorded(tmp_path) as client:
        await listed(client, 1)
        await client.call("transcripts.inspect", name=NAME)
        assert await refused(client, "transcripts.inspect", name="x") == "NOT_FOUND"

    assert "<!doctype" not in (tmp_path / NAME).read_text(encoding="utf-8")
    assert_same(await replayed(tmp_path))


async def test_what_is_said_is_recorded_wherever_the_database_is(
    tmp_path: Path, place: Place | None
) -> None:
    """Over a server too, whose database has no key of ours: the transcript is as open as it."""
    surroundings, path = Surroundings(place=place), tmp_path / NAME
    with recording(RecordSettings(file=path), surroundings):
        async with running_app(surroundings=surroundings) as app:
            client = Client(app)
            await client.call("branches.list")
            assert [item["isSealed"] for item in await listed(client, 1)] == [False]

    assert next(open_transcript(path).entries()).msg["method"] == "branches.list"
