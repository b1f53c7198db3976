"""How the demo looks: scenes, lines sent, answers in words with their latency, news."""

import sys
from collections.abc import Mapping
from io import TextIOWrapper
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from rpcbackend.protocol import codec

WIDTH = 100


class Stage:
    """Prints to stdout."""

    def __init__(self) -> None:
        if isinstance(sys.stdout, TextIOWrapper):
            # A console that cannot write a letter gets a question mark, not a traceback.
            sys.stdout.reconfigure(errors="replace")
        self._console = Console(highlight=False)
        is_wide = not self._console.is_terminal or self._console.width > WIDTH
        if is_wide:
            self._console.width = WIDTH
        self._scenes = 0

    def open(self, title: str, text: str) -> None:
        """Say what is going to happen."""
        self._console.print(Panel(Text(text), title=Text(title, "bold"), padding=(1, 2)))

    def scene(self, title: str, text: str) -> None:
        """Begin the next scene."""
        self._scenes += 1
        self._console.print()
        self._console.rule(Text(f"{self._scenes}  {title}", "bold"), align="left", style="dim")
        self._console.print(Padding(Text(text), (0, 3)))

    def sent(self, channel: str, params: Mapping[str, Any]) -> None:
        """Show a request, shortened."""
        line = Text("   →  ", "cyan").append(channel, "bold cyan")
        line.append(" " + codec.encode(_shorten(params)).decode(), "cyan")
        self._console.print(line, no_wrap=True, overflow="ellipsis")

    def answered(self, words: str, ms: float, *, is_refusal: bool = False) -> None:
        """Tell an answer in words."""
        self._row("✗" if is_refusal else "←", words, ms, "yellow" if is_refusal else "green")

    def explained(self, words: str) -> None:
        """Go on with an answer."""
        self._row(" ", words, None, "yellow")

    def heard(self, words: str) -> None:
        """Tell what arrived by itself."""
        self._row("⚡", words, None, "magenta")

    def close(self, lines: list[tuple[str, str]]) -> None:
        """Show pairs of words as the end."""
        table = Table.grid(padding=(0, 2))
        for name, text in lines:
            table.add_row(Text(name, "bold"), Text(text))
        self._console.print()
        self._console.print(Panel(table, title=Text("That was it", "bold"), padding=(1, 2)))

    def _row(self, mark: str, words: str, ms: float | None, style: str) -> None:
        table = Table.grid(expand=True)
        table.add_column(width=6)
        table.add_column(ratio=1)
        table.add_column(justify="right", width=9)
        latency = "" if ms is None else f"{ms:.1f} ms"
        table.add_row(Text(f"   {mark}", style), Text(words, style), Text(latency, "dim"))
        self._console.print(table)


def _shorten(value: Any) -> Any:
    """Cut ids, which nobody reads to the end."""
    if isinstance(value, Mapping):
        return {name: _shorten(each) for name, each in value.items()}
    if isinstance(value, str) and value[3:4] == "_":
        return value[:4] + "…" + value[-6:]
    return value
