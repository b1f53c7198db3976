"""Clients that others make of /openapi.json: they compile, and work against a real process."""

import asyncio
import os
import shutil
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from tests.e2e.served import LOGIN, Served, in_days, served
from tests.people import PASSWORD

TIMEOUT_SECONDS = 300
CLIENTS = Path(__file__).parent / "clients"
SHIM = Path(__file__).parent.parent.parent / "electron-shim"
# By its link, for the shim's packages may be another folder's.
GENERATOR = SHIM / "node_modules" / "mirror-client" / "node_modules"


@pytest.fixture
async def school(tmp_path: Path) -> AsyncIterator[Served]:
    """A school that is served, its contract beside it."""
    async with served(tmp_path) as school:
        async with httpx2.AsyncClient(base_url=school.url, timeout=TIMEOUT_SECONDS) as http:
            contract = (await http.get("/openapi.json")).content
        (tmp_path / "openapi.json").write_bytes(contract)
        yield school


async def test_a_generated_python_client_signs_in_books_is_refused_pages_and_repeats(
    school: Served, tmp_path: Path
) -> None:
    config = tmp_path / "generator.yml"
    config.write_text("package_name_override: school_client\npost_hooks: []\n", encoding="utf-8")
    await run(
        *(sys.executable, "-m", "openapi_python_client", "generate"),
        *("--meta", "none", "--fail-on-warning"),
        *("--path", "openapi.json", "--output-path", "school_client", "--config", config),
        folder=tmp_path,
    )
    shutil.copy(CLIENTS / "desk.py", tmp_path)
    # What is made casts to what it has already, which is no fault of ours.
    checked = (
        "--strict",
        "--no-warn-redundant-casts",
        "--config-file=",
        "--cache-dir",
        tmp_path / "cache",
    )
    await run(
        sys.executable, "-m", "mypy", *checked, "-p", "school_client", "-m", "desk", folder=tmp_path
    )

    seen = await run(sys.executable, "desk.py", school.url, folder=tmp_path, given=given(school))

    check(seen)


async def test_a_generated_typescript_client_signs_in_books_is_refused_pages_and_repeats(
    school: Served, tmp_path: Path
) -> None:
    for name in ("desk.ts", "tsconfig.json"):
        shutil.copy(SHIM / "clients" / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(SHIM / "node_modules")
    await run(
        *("node", GENERATOR / "openapi-typescript" / "bin" / "cli.js", "openapi.json"),
        *("--output", "api.gen.ts", "--default-non-nullable=false"),
        folder=tmp_path,
    )
    await run("node", GENERATOR / "typescript" / "bin" / "tsc", "-p", ".", folder=tmp_path)
    bundle = ("--bundle", "--platform=node", "--format=esm", "--outfile=desk.mjs")
    await run(SHIM / "node_modules" / ".bin" / "esbuild", "desk.ts", *bundle, folder=tmp_path)

    seen = await run("node", "desk.mjs", school.url, folder=tmp_path, given=given(school))

    check(seen)


def given(school: Served) -> bytes:
    """Return what a client has to know of the school."""
    return orjson.dumps(
        {
            "login": LOGIN,
            "password": PASSWORD,
            "startsAt": in_days(31),
            "branchId": school.school.branch["id"],
            "instructorId": school.school.instructor["id"],
            "vehicleId": school.school.vehicle["id"],
        }
    )


def check(seen: str) -> None:
    """Check what a client was told."""
    told: dict[str, Any] = orjson.loads(seen)
    lesson_id = told.pop("lessonId")
    assert lesson_id.startswith("les_")
    assert told == {
        "login": LOGIN,
        "again": lesson_id,
        "replayed": "true",
        "conflict": {"status": 409, "code": "CONFLICT_INSTRUCTOR", "type": "business"},
        "names": ["Ada", "Bob", "Cem"],
    }


async def run(*command: str | Path, folder: Path, given: bytes = b"") -> str:
    """Run a command in a folder, to its end, and return what it says."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        stdin=PIPE,
        stdout=PIPE,
        stderr=STDOUT,
        env=os.environ | {"MYPYPATH": str(folder), "PYTHONPATH": str(folder)},
    )
    async with asyncio.timeout(TIMEOUT_SECONDS):
        out, _ = await process.communicate(given)
    assert process.returncode == 0, f"{command}: {out.decode()}"
    return out.decode()
