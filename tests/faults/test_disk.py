"""The model of a disk, on disks small enough to say what may be on them."""

import random
from pathlib import Path

import pytest

from tests.faults.disk import Disk, Image, Policy, Record

DATA = b"x" * 1_100


def a_record(what: str, name: str = "", *, at: int = 0, data: bytes = b"") -> Record:
    return Record(what, 1, at, name, data)


MADE = a_record("o", "new")
WRITTEN = a_record("w", data=DATA)
FILE_SYNCED, NAMES_SYNCED = a_record("f"), a_record("d")
MOVED = a_record("r", "new", data=b"moved")


def images(policy: Policy, *records: Record, tries: int = 200) -> list[Image]:
    """Return the different images that come of the records, in an empty folder."""
    disk = Disk(Path("nowhere"))
    for record in records:
        disk.tell(record)
    chance = random.Random(1)  # noqa: S311 (a replayable choice)
    found: list[Image] = []
    for _ in range(tries):
        image = disk.image(policy, chance)
        if image not in found:
            found.append(image)
    return found


@pytest.mark.parametrize(
    ("records", "left"),
    [
        ((MADE, WRITTEN), {}),
        ((MADE, WRITTEN, FILE_SYNCED), {}),
        ((MADE, WRITTEN, NAMES_SYNCED), {"new": b""}),
        ((MADE, WRITTEN, NAMES_SYNCED, FILE_SYNCED), {"new": DATA}),
        ((MADE, WRITTEN, FILE_SYNCED, NAMES_SYNCED, MOVED), {"new": DATA}),
        ((MADE, WRITTEN, FILE_SYNCED, MOVED, NAMES_SYNCED), {"moved": DATA}),
    ],
    ids=["nothing", "no name", "no bytes", "both", "the old name", "the new name"],
)
def test_without_anything_unsynced_bytes_need_their_sync_and_names_their_folder_s(
    records: tuple[Record, ...], left: Image
) -> None:
    assert images("nothing", *records) == [left]


def test_with_everything_the_disk_is_as_the_program_saw_it() -> None:
    cut = a_record("t", at=100)

    assert images("everything", MADE, WRITTEN, cut, MOVED) == [{"moved": DATA[:100]}]


def test_a_torn_write_leaves_each_sector_old_or_new() -> None:
    found = images("torn", MADE, NAMES_SYNCED, WRITTEN)

    sectors = {DATA[start : start + 512] for start in (0, 512, 1_024)} | {bytes(512), b""}
    assert len(found) > 4
    for image in found:
        content = image["new"]
        assert content is not None
        assert {content[start : start + 512] for start in (0, 512, 1_024)} <= sectors


def test_some_of_the_writes_may_be_there_without_those_before_them() -> None:
    second = a_record("w", at=1_100, data=b"y")

    found = images("some", MADE, NAMES_SYNCED, WRITTEN, second)

    assert {image["new"] for image in found} == {b"", DATA, bytes(1_100) + b"y", DATA + b"y"}


def test_names_of_a_folder_that_was_lost_are_lost_with_it() -> None:
    folder, inside = a_record("m", "sub"), a_record("o", "sub/new")

    assert images("nothing", folder, inside, a_record("d", "sub")) == [{}]
    assert images("nothing", folder, inside, a_record("d", "sub"), a_record("d")) == [
        {"sub": None, "sub/new": b""}
    ]


def test_a_number_that_is_used_again_is_another_file() -> None:
    removed, again = a_record("u", "new"), a_record("o", "next")

    found = images("everything", MADE, WRITTEN, FILE_SYNCED, removed, again)

    assert found == [{"next": b""}]
