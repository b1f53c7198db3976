"""How much is tried: a quick selection in every run, all of it by `make faults`. The figures."""

import os

IS_FULL = os.environ.get("RPCBACKEND_FAULTS") == "full"

SECONDS = 36_000 if IS_FULL else 240
"""No test here takes longer: other programs may want the machine, too."""


class Figures:
    """What all tests of a run have tried, and what came of it; told at its end."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def tell(self, what: str, **figures: float | str) -> None:
        """Add a line: what was tried, and each figure with its name."""
        parts = [
            f"{name.replace('_', ' ')} {value:,}" if isinstance(value, int) else f"{name} {value}"
            for name, value in figures.items()
        ]
        self._lines.append(f"{what}: {', '.join(parts)}")

    @property
    def lines(self) -> list[str]:
        """All of them, in the order of the tests."""
        return self._lines


FIGURES = Figures()
"""Fed by all tests of a run, told at its end."""
