"""Run worlds: `python -m tests.simulation SEED`, with `--seeds N` many of them."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from tests.simulation.seeds import ACTIONS, Report, SeedFailedError, simulate

FAILED = 1


def main() -> int:
    """Run one seed, or many, and say what they came to."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("seed", type=int, nargs="?", default=1, help="the first one")
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--actions", type=int, default=ACTIONS, help="of each client")
    parser.add_argument("--trace", action="store_true", help="show every step")
    given = parser.parse_args()
    started = time.perf_counter()
    reports, failures = [], 0
    for seed in range(given.seed, given.seed + given.seeds):
        try:
            tell = say if given.trace else None
            reports.append(simulate(seed, actions=given.actions, tell=tell))
        except SeedFailedError as failed:
            failures += 1
            say(str(failed))
    for line in figures(reports, failures, time.perf_counter() - started):
        say(line)
    return FAILED if failures else 0


def figures(reports: Sequence[Report], failures: int, seconds: float) -> Iterator[str]:
    """Sum up what worlds came to, in lines."""
    count = len(reports) + failures
    hours = sum(report.virtual_seconds for report in reports) / 3600
    yield f"{count:,} seeds, {failures} broke a promise; {60 * count / seconds:.0f} a minute"
    yield f"{hours:,.1f} hours passed in {seconds / 60:,.1f} minutes"
    yield f"{sum(report.steps for report in reports):,} steps of the database"
    yield f"{sum(report.proofs for report in reports):,} times everything was proved"
    fates: Counter[str] = sum((report.fates for report in reports), Counter())
    yield f"{fates.total():,} commands{_listed(fates)}"
    ends: Counter[int] = sum((report.ends for report in reports), Counter())
    yield f"{ends.total():,} processes, by exit code{_listed(ends)}"
    faults: Counter[str] = sum((report.faults for report in reports), Counter())
    yield f"{faults.total():,} faults{_listed(faults)}"
    if len(reports) == 1:
        yield f"hash of the trace: {reports[0].hash}"


def _listed(counts: Counter[str] | Counter[int]) -> str:
    return "".join(f"\n{times:11,}  {name}" for name, times in counts.most_common())


def say(line: str) -> None:
    """Write a line."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
