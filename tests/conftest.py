"""The clock, the store in memory, and a client: what nearly every test needs."""

import os
from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from rpcbackend.app import Application
from rpcbackend.store import Place, Store
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, FrozenClock, running_app
from tests.postgres import HAS_SOCKETS, Cluster, clusters
from tests.told import TOLD

# The same examples in every run, however slow the machine; .hypothesis is never written.
settings.register_profile("tests", deadline=None, derandomize=True, database=None)
# Other examples in every run, and many; a failure says how to see it again (`make fuzz`).
settings.register_profile(
    "fuzz",
    deadline=None,
    derandomize=False,
    database=None,
    max_examples=5_000,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "tests"))


_OF_A_SERVER = (
    *("store/test_postgres.py", "store/test_copying.py", "store/test_neighbours.py"),
    *("methods/test_jobs_of_others.py", "methods/test_server.py"),
    *(
        "care/test_copy_store.py",
        "outside/test_sender_processes.py",
        "observability/test_keeper_processes.py",
        "properties/test_engines.py",
        "e2e/test_workers.py",
        "e2e/test_limits.py",
        "e2e/test_refusals.py",
        "faults/test_server.py",
        "faults/test_leaders.py",
    ),
)
collect_ignore = [] if HAS_SOCKETS else [*_OF_A_SERVER]
"""Tests of the server's own, where it cannot be reached. Where it is not installed they fail."""


LONGEST = (
    *("e2e/test_flood.py", "faults/test_care.py", "e2e/test_fuzzing.py", "e2e/test_clients.py"),
    *("faults/test_balanced.py", "faults/test_server.py", "faults/test_rekey.py"),
    *("faults/test_leaders.py", "e2e/test_secrecy.py", "properties/test_wire_params.py"),
    *("faults/test_jobs.py", "e2e/test_console.py", "e2e/test_mirror_alone.py"),
    *("faults/test_power.py", "properties/test_canaries.py", "e2e/test_console_sessions.py"),
    *("properties/test_cache.py", "properties/test_wire_chunks.py", "e2e/test_jobs.py"),
    *("e2e/test_sealed_disk.py", "e2e/test_small_disk.py", "e2e/test_exit_codes.py"),
    *("faults/test_failing_disk.py", "faults/test_kills.py", "properties/test_engines.py"),
)
"""What takes longest, by and large in that order: nobody is to wait in the end for one alone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let those begin first that take longest."""
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get("/".join(item.path.parts[-2:]), len(ranks)))


@pytest.fixture
def clock() -> FrozenClock:
    """Monday 2026-11-23, 08:00 UTC, until a test says otherwise."""
    return FrozenClock()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server, started for whoever asks first."""
    yield from clusters()


@pytest.fixture(scope="session")
def schools(cluster: Cluster) -> Iterator[Place]:
    """Give places in one database, each a school that nobody has used yet."""
    url = cluster.create()
    return (Place(url=url, school=school) for school in count(1))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is said of the store and of the channels on every engine."""
    folder = metafunc.definition.path.parent.name
    engines = ["sqlite", "postgresql"] if HAS_SOCKETS else ["sqlite"]
    # One of them may be marked.
    engines = [each for each in engines if metafunc.definition.get_closest_marker(each)] or engines
    if "place" in metafunc.fixturenames and folder in ("store", "methods"):
        metafunc.parametrize("place", engines, indirect=True)


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Place | None:
    """Where the store is: with a server, or in memory."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return None
    schools: Iterator[Place] = request.getfixturevalue("schools")
    return next(schools)


@pytest.fixture
async def app(clock: FrozenClock, place: Place | None) -> AsyncIterator[Application]:
    """An application in which nothing unexpected happens."""
    bugs: list[Exception] = []
    surroundings = Surroundings(
        clock=clock, place=place, report_bug=lambda bug, _: bugs.append(bug)
    )
    async with running_app(surroundings=surroundings) as running:
        await running.open_store()
        yield running
    if bugs:
        raise bugs[0]


@pytest.fixture
def store(app: Application) -> Store:
    """The store behind the client."""
    return app.store


@pytest.fixture
async def client(app: Application) -> Client:
    """A client of the application, in memory."""
    return Client(app)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what is told over to the process that began this one."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["told"] = [each.dump() for each in TOLD]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take it over; a process that died has left nothing."""
    for each, dumped in zip(TOLD, getattr(node, "workeroutput", {}).get("told", []), strict=False):
        each.take(dumped)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what is told."""
    for each in TOLD:
        if lines := list(each.report()):
            terminalreporter.section(each.title)
            for line in lines:
                terminalreporter.write_line(line)
