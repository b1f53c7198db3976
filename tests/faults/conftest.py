"""What is preloaded, and a folder in memory."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.faults.budget import SECONDS

# Faults are preloaded into the process (LD_PRELOAD), and looked for through /proc.
collect_ignore_glob = [] if sys.platform == "linux" else ["test_*.py"]


def _build(folder: Path, name: str) -> Path:
    library = folder / f"{name}.so"
    source = Path(__file__).with_name(f"{name}.c")
    flags = ("-O1", "-Wall", "-Werror", "-shared", "-fPIC")
    subprocess.run(["gcc", *flags, "-o", library, source, "-ldl"], check=True)  # noqa: S603, S607 (the system's compiler)
    return library


@pytest.fixture(scope="session")
def fault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build what makes calls fail in the process that it is preloaded into."""
    return _build(tmp_path_factory.mktemp("fault"), "fault")


@pytest.fixture(scope="session")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build what writes down all that the process that it is preloaded into does to its folder."""
    return _build(tmp_path_factory.mktemp("record"), "record")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory, if the system has one: what a killed process wrote stays there too."""
    memory = Path("/dev/shm")  # noqa: S108 (a place for a folder of our own)
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as made:
        yield Path(made)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give these tests more time than others."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(SECONDS))
