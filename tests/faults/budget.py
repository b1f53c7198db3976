"""How much is tried: a quick selection in every run, all of it by `make faults`. The figures."""

import os
from typing import Any

IS_FULL = os.environ.get("RPCBACKEND_FAULTS") == "full"

SECONDS = 36_000 if IS_FULL else 600
"""No test here takes longer: other programs may want the machine, too."""


class Figures:
    """What all tests of a run have tried, and what came of it; told at its end."""

    title = "faults"

    def __init__(self) -> None:
        self._lines: list[str] = []

    def tell(self, what: str, **figures: float | str) -> None:
        """Add a line: what was tried, and each figure with its name."""
        parts = [
            f"{name.replace('_', ' ')} {value:,}" if isinstance(value, int) else f"{name} {value}"
            for name, value in figures.items()
        ]
        self._lines.append(f"{what}: {', '.join(parts)}")

    def dump(self) -> Any:
        """Return the lines."""
        return self._lines

    def take(self, dumped: Any) -> None:
        """Add lines of another process."""
        self._lines += dumped

    def report(self) -> list[str]:
        """Return the lines, in the order of the tests."""
        return self._lines


FIGURES = Figures()
"""Fed by all tests of a run, told at its end."""
