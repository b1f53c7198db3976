"""What the tests of a run tell at its end, whichever process they ran in."""

from collections.abc import Iterable
from typing import Any, Protocol

from tests.faults.budget import FIGURES
from tests.properties.tally import TALLY


class Told(Protocol):
    """Is fed by tests, and told once they have all run."""

    title: str

    def dump(self) -> Any:
        """Return what was fed in this process, as plain values."""
        ...

    def take(self, dumped: Any) -> None:
        """Add what was fed in another one."""
        ...

    def report(self) -> Iterable[str]:
        """Say it in lines; none, if nothing was fed."""
        ...


TOLD: tuple[Told, ...] = (TALLY, FIGURES)
