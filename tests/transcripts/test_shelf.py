"""The files of a transcript, listed and shown while one of them is written."""

import base64
import gc
import gzip
import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from rpcbackend.errors import NotFoundError
from rpcbackend.methods import build_registry
from rpcbackend.transcripts.parts import TranscriptFile
from rpcbackend.transcripts.shelf import MOST, Shelf
from tests.transcripts.scripts import HEADER, asked, busy_day, told, write_script

KEY, OTHER_KEY = b"k" * 32, b"o" * 32


def sealed(path: Path, key: bytes, *, is_ended: bool) -> Path:
    file = TranscriptFile(path, HEADER, key, part_bytes=10_000, parts=3)
    file.write(asked(1, 1, "ping").to_line() + told(2, 1).to_line())
    if is_ended:
        file.close()
    return path


def shelf_of(path: Path, *keys: bytes) -> Shelf:
    return Shelf(path, build_registry, lambda: keys)


async def about(path: Path, name: str, *keys: bytes) -> Any:
    html = await shelf_of(path, *keys).page(name)
    found = re.search('id="packed-overview">([^<]*)<', html)
    assert found
    return orjson.loads(gzip.decompress(base64.b64decode(found[1])))["first"]


async def test_there_are_no_files_before_anything_is_written(tmp_path: Path) -> None:
    assert await shelf_of(tmp_path / "day.jsonl").look() == []


async def test_a_sealed_file_is_opened_by_any_key_that_the_store_had(tmp_path: Path) -> None:
    path = sealed(tmp_path / "day.jsonl", KEY, is_ended=True)

    (entry,) = await shelf_of(path, OTHER_KEY, KEY).look()
    page = await about(path, path.name, OTHER_KEY, KEY)

    assert (entry.is_sealed, entry.part) == (True, 1)
    assert page["notes"] == []


async def test_a_file_of_another_key_is_listed_and_not_opened(tmp_path: Path) -> None:
    path = sealed(tmp_path / "day.jsonl", KEY, is_ended=True)

    (entry,) = await shelf_of(path, OTHER_KEY).look()

    assert (entry.is_sealed, entry.started_at, entry.part) == (True, None, None)
    with pytest.raises(NotFoundError, match="another key"):
        await shelf_of(path, OTHER_KEY).page(path.name)


async def test_a_file_that_is_still_written_says_so(tmp_path: Path) -> None:
    path = sealed(tmp_path / "day.jsonl", KEY, is_ended=False)

    page = await about(path, path.name, KEY)

    assert page["notes"] == ["It is still being written, or its end was torn off."]


async def test_one_part_is_shown_without_those_before_it(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    file = TranscriptFile(path, HEADER, None, part_bytes=1, parts=9)
    for number in (1, 2):
        file.write(asked(number, number, "ping").to_line())
    file.close()

    names = [entry.name for entry in await shelf_of(path).look()]
    page = await about(path, "day.jsonl")

    assert names == ["day.jsonl", *(f"day.jsonl.{number}" for number in range(1, len(names)))]
    assert page["notes"] == [
        f"It begins with part {len(names)}: what was before is in another file."
    ]


async def test_the_collector_rests_for_a_page_and_no_longer(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    write_script(path, busy_day(10))

    await shelf_of(path).page(path.name)
    assert gc.isenabled()
    with pytest.raises(NotFoundError):
        await shelf_of(path).page("no such file")
    assert gc.isenabled()


async def test_what_is_no_transcript_is_listed_and_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    path.write_text("{}\n", encoding="utf-8")

    (entry,) = await shelf_of(path).look()

    assert (entry.is_sealed, entry.started_at) == (False, None)
    with pytest.raises(NotFoundError):
        await shelf_of(path).page(path.name)


async def test_of_a_long_file_the_last_messages_are_shown(tmp_path: Path) -> None:
    path = write_script(tmp_path / "day.jsonl", busy_day(MOST + 2))

    page = await about(path, path.name)

    assert page["notes"] == ["2 messages are left out: only the last are here."]
