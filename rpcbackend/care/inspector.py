"""`rpcbackend inspect`: write a page that shows a transcript."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from rpcbackend.care.transcripts import open_with_keys
from rpcbackend.door import ExitRequestedError
from rpcbackend.exits import EX_CANTCREAT, EX_UNREADABLE
from rpcbackend.methods import build_registry
from rpcbackend.security.process import harden, make_files_private
from rpcbackend.transcripts.page import DOCTYPE, Named, Page, make_page
from rpcbackend.transcripts.rules import ALWAYS, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is to be looked at."""

    path: Path
    output: Path | None = None
    """None for a page beside the transcript."""
    against: Path | None = None
    """A second transcript."""
    may_differ: frozenset[Rule] = field(default_factory=frozenset)


def inspect_transcript(look: Look, stdin: TextIO) -> int:
    """Write the page, say where it is, and return the exit code.

    Args:
        look: What is wanted.
        stdin: A key in base64url in each line, if a transcript is sealed.
    """
    make_files_private()
    harden()
    output = look.output or look.path.with_name(f"{look.path.name}.html")
    try:
        page = _make(look, stdin)
        _write(output, page)
    except ExitRequestedError as end:
        sys.stderr.write(f"rpcbackend: {end}\n")
        return end.code
    told = "" if look.against is None else f", different rows: {page.differing:,}"
    sys.stdout.write(f"{output}: {page.messages:,} messages{told}\n")
    for damage in page.damage:
        sys.stderr.write(f"rpcbackend: {damage}; the page shows what was before\n")
    return EX_UNREADABLE if page.damage else 0


def _make(look: Look, stdin: TextIO) -> Page:
    keys: list[bytes] = []

    def named(path: Path) -> Named:
        return Named(path.name, open_with_keys(path, stdin, keys, is_whole=False))

    second = None
    first = named(look.path)
    if look.against is not None:
        second = named(look.against)
    return make_page(first, second, build_registry(), ALWAYS | look.may_differ)


def _write(output: Path, page: Page) -> None:
    try:
        if output.exists():
            with output.open(encoding="utf-8", errors="replace") as file:
                # A slip of the hand must not cost a transcript.
                if file.readline().strip() != DOCTYPE:
                    raise ExitRequestedError(EX_CANTCREAT, f"{output} is there, and no page")
        output.write_text(page.html, encoding="utf-8")
    except OSError as error:
        raise ExitRequestedError(EX_CANTCREAT, f"{output}: {error.strerror}") from None
