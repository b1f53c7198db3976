"""The mirror as its contract has it, tried by schemathesis on a real process.

`make fuzz` tries for longer: HYPOTHESIS_PROFILE=fuzz.
"""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.e2e.served import Served, served

HERE = Path(__file__).parent / "fuzzing"

IS_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
SINGLE = ("--phases", "coverage,fuzzing" if IS_LONG else "coverage", "--max-examples", "100")
# A walk that cannot be repeated, for the school has changed, ends a round: a time bounds them all.
WALKS = ("--phases", "stateful", "--max-examples", "60", "--max-time", "900" if IS_LONG else "20")


@pytest.mark.timeout(3_600 if IS_LONG else 600)
@pytest.mark.parametrize(
    ("bounds", "least_cases"),
    [(SINGLE, 3_000), (WALKS, 100)],
    ids=["each by itself", "along links"],
)
async def test_what_the_contract_says_is_so_and_what_it_does_not_say_is_refused(
    tmp_path: Path, bounds: tuple[str, ...], least_cases: int
) -> None:
    async with served(tmp_path) as school:
        exit_code, out = await _try_out(school, tmp_path, bounds)

    assert exit_code == 0, out
    report = orjson.loads((tmp_path / "report.json").read_bytes())
    assert _cases_of(report) >= least_cases, out


async def _try_out(school: Served, directory: Path, bounds: tuple[str, ...]) -> tuple[int, str]:
    """Run schemathesis and return its exit code and what it says."""
    settings = {
        "FUZZ_HOOKS": str(HERE / "hooks.py"),
        "FUZZ_KNOWN": orjson.dumps(school.known).decode(),
        "FUZZ_OWN": orjson.dumps([school.user_id, school.session_id]).decode(),
        "FUZZ_TOKEN": school.token,
    }
    out = directory / "out.txt"
    with out.open("wb") as stdout:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli"),
            *("--config-file", str(HERE / "schemathesis.toml")),
            *("run", f"{school.url}/openapi.json", "--seed", "1", "--checks", "all"),
            *bounds,
            *("--report", "json", "--report-json-path", str(directory / "report.json")),
            cwd=directory,
            stdin=DEVNULL,
            stdout=stdout,
            stderr=stdout,
            env=os.environ | settings,
        )
        exit_code = await process.wait()
    return exit_code, out.read_text(encoding="utf-8")


def _cases_of(report: dict[str, Any]) -> int:
    return int(report["test_cases"]["generated"])
