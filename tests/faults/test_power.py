"""A power cut at any moment loses nothing that was acknowledged, and leaves nothing half done.

Everything that a real program does to its folder is recorded in the order of the disk
(`record.c`), what a disk may hold after a cut is rebuilt (`disk.py`), and the real program opens
it (`scenarios.py`). A failure names the seed, the record and the policy.
"""

import hashlib
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from tests.clauses import clause
from tests.faults.budget import FIGURES, IS_FULL
from tests.faults.disk import POLICIES, Disk, Image, read_records, write_image
from tests.faults.mortal import mortal
from tests.faults.scenarios import CONTROL, SCENARIOS, LostError, Scenario

SEED = 1
IMAGES = {"bookings": 10_000} if IS_FULL else {"bookings": 80}
OTHER_IMAGES = 2_000 if IS_FULL else 30


@dataclass(frozen=True, slots=True)
class Cut:
    """What a disk holds after the power was cut, and what had been said by then."""

    image: Image
    said: tuple[tuple[str, ...], ...]
    where: str


def cuts_of(folder: Path, record: Path, scenario: Scenario, images: int) -> Iterator[Cut]:
    """Let the program live once, and cut the power at random moments of that life."""
    with mortal(scenario.program, record, folder) as program:
        program.prepare()
        disk = Disk(program.directory)
        life = program.live_on("record", 0, *scenario.arguments)
    assert life.status == 0, life
    records = read_records(folder / "data.log")
    # What is said is lost most easily right behind it.
    lines = [number for number, record in enumerate(records) if record.what == "s"]
    chance = random.Random(SEED)  # noqa: S311 (a replayable choice)
    moments = sorted(
        chance.randrange(len(records)) if number % 3 else chance.choice(lines)
        for number in range(images)
    )
    said: list[tuple[str, ...]] = []
    at = -1
    for number, moment in enumerate(moments):
        while at < moment:
            at += 1
            disk.tell(records[at])
            if records[at].what == "s":
                said += (tuple(line.split()) for line in records[at].data.decode().splitlines())
        policy = POLICIES[number % len(POLICIES)]
        where = f"seed {SEED}, record {moment} of {len(records)}, {policy} of what was not synced"
        yield Cut(disk.image(policy, chance), tuple(said), where)


@dataclass
class Verdicts:
    """What became of every image."""

    cases: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    distinct: int = 0


async def judge_all(folder: Path, record: Path, scenario: Scenario, images: int) -> Verdicts:
    """Open the images, each once, and judge every cut."""
    await scenario.prepare(folder)
    verdicts, known = Verdicts(), dict[object, Any]()
    cuts = cuts_of(folder, record, scenario, images)
    first = next(cuts)
    final = await scenario.look(folder / "data", first.said)
    for cut in chain((first,), cuts):
        try:
            same = (_digest(cut.image), cut.said if scenario.look_needs_said else ())
            if same not in known:
                known[same] = await look(folder / "image", cut, scenario)
            verdicts.cases[scenario.judge(known[same], cut.said, final)] += 1
        except LostError as lost:
            verdicts.lost.append(f"{cut.where}: {lost}")
        except Exception as error:  # noqa: BLE001 (whatever it is, the image is no good)
            verdicts.broken.append(f"{cut.where}: {error!r}")
    verdicts.distinct = len(known)
    return verdicts


async def look(directory: Path, cut: Cut, scenario: Scenario) -> Any:
    """Open what a disk held."""
    shutil.rmtree(directory, ignore_errors=True)
    write_image(cut.image, directory)
    return await scenario.look(directory, cut.said)


def _digest(image: Image) -> bytes:
    digest = hashlib.sha256()
    for name, content in image.items():
        # The index of the log is made anew whenever a store is opened.
        if not name.endswith("-shm"):
            digest.update(f"{name} {-1 if content is None else len(content)}\n".encode())
            digest.update(content or b"")
    return digest.digest()


@clause("power-cut-loses-nothing")
@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_power_cut_at_any_moment_loses_nothing_and_leaves_nothing_half_done(
    name: str, record: Path, folder: Path
) -> None:
    images = IMAGES.get(name, OTHER_IMAGES)

    verdicts = await judge_all(folder, record, SCENARIOS[name], images)

    FIGURES.tell(
        f"power cuts, {name}",
        images=images,
        distinct=verdicts.distinct,
        lost=len(verdicts.lost),
        broken=len(verdicts.broken),
        **verdicts.cases,
    )
    assert (verdicts.lost, verdicts.broken) == ([], [])
    # Cuts before and after what matters were among them.
    assert len(verdicts.cases) > 1, verdicts.cases


async def test_a_store_that_acknowledges_before_it_syncs_is_caught(
    record: Path, folder: Path
) -> None:
    """The control: with synchronous=NORMAL these cuts do lose what was acknowledged."""
    images = 2 * OTHER_IMAGES

    verdicts = await judge_all(folder, record, CONTROL, images)

    FIGURES.tell(
        "power cuts, the control (synchronous=NORMAL)",
        images=images,
        lost=len(verdicts.lost),
        broken=len(verdicts.broken),
    )
    assert len(verdicts.lost) > images // 4
