"""A real process that records, dies or ends, and its transcript replayed by another one."""

import shutil
import signal
from pathlib import Path

from rpcbackend.clock import SystemClock
from rpcbackend.demo.desk import running_backend
from rpcbackend.demo.scenes import Morning
from rpcbackend.demo.stage import Stage
from rpcbackend.transcripts.files import open_transcript
from tests.clauses import clause
from tests.e2e.backend import Start, run
from tests.factories import School, create_student


@clause("transcript-format", "transcript-replays")
async def test_a_recorded_process_is_replayed_by_another(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    backend = await start("--record", str(path))
    school = School(backend)
    await school.open()
    for name in ("Zoe", "Ada", "Eva"):
        await create_student(backend, school.branch["id"], givenName=name)
    await backend.call("students.list", text="a")
    await backend.call("shutdown")
    assert await backend.end() == 0

    code, out, err = await run("replay", str(path))

    assert (code, err) == (0, "")
    assert b", 0 differences\n" in out
    transcript = open_transcript(path)
    assert next(transcript.entries()).msg["method"] == "system.ready"
    assert not transcript.is_torn


@clause("transcript-replays")
async def test_the_demos_morning_comes_again_on_a_copy_of_its_school(
    seeded_school: Path, tmp_path: Path
) -> None:
    path, copy = tmp_path / "morning.jsonl", tmp_path / "copy"
    shutil.copytree(seeded_school, copy)
    async with running_backend(seeded_school, "--record", str(path)) as backend:
        await Morning(backend, Stage(), SystemClock()).play(None)

    code, out, _ = await run("replay", str(path), "--against", str(copy))

    assert (code, b", 0 differences\n" in out) == (0, True)
    assert b"1 searches not sent" in out


@clause("transcript-torn")
async def test_a_process_that_is_killed_leaves_a_transcript_up_to_the_tear(
    start: Start, tmp_path: Path
) -> None:
    path = tmp_path / "day.jsonl"
    backend = await start("--record", str(path))
    await School(backend).open()
    # Its thread lets a burst pass, and then writes.
    while not path.exists() or path.read_bytes().count(b'"dir":"out"') < 4:
        await backend.call("ping")
    backend.signal(signal.SIGKILL)
    await backend.exit_code()

    code, out, _ = await run("replay", str(path))

    assert (code, b", 0 differences\n" in out) == (0, True)


async def test_a_transcript_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    code, _, err = await run(
        "serve", "--data-dir", str(tmp_path), "--record", str(tmp_path / "no" / "day.jsonl")
    )

    assert code == 73
    assert err == f"rpcbackend: there is no folder {tmp_path / 'no'} for a transcript\n"


async def test_no_database_is_moved_out_of_the_way_of_a_transcript(
    start: Start, tmp_path: Path
) -> None:
    backend = await start()
    await School(backend).open()
    await backend.call("shutdown")
    await backend.end()
    database = tmp_path / "data" / "school.db"
    before = database.read_bytes()

    code, _, err = await run("serve", "--data-dir", str(database.parent), "--record", str(database))

    assert (code, database.read_bytes()) == (73, before)
    assert "school.db is there and no transcript" in err
