"""One HTML page that shows a transcript, and how a second one differs; it loads nothing."""

import base64
import gzip
import hashlib
import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from rpcbackend.dispatch.registry import Registry
from rpcbackend.transcripts.differences import Comparison
from rpcbackend.transcripts.files import Transcript
from rpcbackend.transcripts.known import Known
from rpcbackend.transcripts.pairing import Pair, changes_of, pair_up
from rpcbackend.transcripts.rows import Row, Table, read_table
from rpcbackend.transcripts.rules import ALWAYS, Rule

DOCTYPE = "<!doctype html>"
"""The first line of every page."""

LEVEL = 6
"""Of gzip: 9 takes three times as long for a page that is a twentieth smaller."""

_STYLE = re.compile(r'<link rel="stylesheet" href="([\w.]+)">')
_SCRIPT = re.compile(r'<script src="([\w.]+)"></script>')


@dataclass(frozen=True, slots=True)
class Named:
    """A transcript, and what it is called on the page."""

    name: str
    transcript: Transcript
    is_piece: bool = False
    """Whether it is one file of several, which may still be written."""


@dataclass(frozen=True, slots=True)
class Page:
    """The page, and what it came to."""

    html: str
    messages: int
    differing: int
    """Pairs of rows that differ."""
    damage: tuple[str, ...]
    """Of each transcript that could not be read to its end, where that was."""


def make_page(
    first: Named,
    second: Named | None,
    registry: Registry,
    rules: frozenset[Rule] = ALWAYS,
) -> Page:
    """Make the page.

    Args:
        first: What is looked at.
        second: What it is compared with.
        registry: Knows queries from commands.
        rules: What may differ.
    """
    table = read_table(first.transcript, registry)
    tables = [table]
    overview: dict[str, Any] = {"first": _about(first, table), "second": None}
    if second is None:
        pairs, changed = [Pair(row, None) for row in table.rows], {}
    else:
        other = read_table(second.transcript, registry)
        tables.append(other)
        overview["second"] = _about(second, other)
        pairs = pair_up(table.rows, other.rows)
        jobs = frozenset(method.channel for method in registry if method.kind == "job")
        changes = changes_of(pairs, table, other, Comparison(Known(), rules, jobs))
        changed = {str(at): (each.asked, each.told) for at, each in enumerate(changes) if each}
    overview |= _columns(pairs, registry) | {
        "messages": table.count,
        "one": _side((pair.first for pair in pairs), 0),
        "two": second and _side((pair.second for pair in pairs), len(table.messages)),
        "changed": changed,
    }
    messages = b"\n".join(message for each in tables for message in each.messages)
    return Page(
        _assemble(first.name, orjson.dumps(overview), messages),
        sum(each.count for each in tables),
        len(changed),
        tuple(each.damage for each in tables if each.damage is not None),
    )


def _about(named: Named, table: Table) -> dict[str, Any]:
    header, transcript = named.transcript.header, named.transcript
    notes = []
    if header.part > 1:
        before = "is in another file" if named.is_piece else "is gone"
        notes.append(f"It begins with part {header.part}: what was before {before}.")
    if transcript.skipped > 0:
        notes.append(f"{transcript.skipped:,} messages are left out: only the last are here.")
    if table.damage is not None:
        notes.append(f"It ends here, for it was damaged: {table.damage}.")
    elif transcript.is_torn and named.is_piece:
        notes.append("It is still being written, or its end was torn off.")
    elif transcript.is_torn:
        notes.append("Its end was torn off: the process died, or somebody cut it.")
    return {
        "name": named.name,
        "version": header.version,
        "startedAt": header.started_at,
        "notes": notes,
    }


def _columns(pairs: list[Pair], registry: Registry) -> dict[str, Any]:
    rows = [pair.row for pair in pairs]
    channels, conns, errors = _Names(), _Names(), _Names()
    columns: dict[str, Any] = {
        "kind": [row.kind for row in rows],
        "t": [row.t for row in rows],
        "channel": [channels.number(row.channel) for row in rows],
        "conn": [conns.number(row.conn) for row in rows],
        "error": [-1 if row.error is None else errors.number(row.error) for row in rows],
    }
    methods = map(registry.get, channels.names)
    kinds = ["" if method is None else method.kind for method in methods]
    return columns | {
        "channels": channels.names,
        "channelKinds": kinds,
        "conns": conns.names,
        "errors": errors.names,
    }


class _Names:
    """Numbers texts that come again and again."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    @property
    def names(self) -> list[str]:
        return list(self._numbers)

    def number(self, name: str) -> int:
        return self._numbers.setdefault(name, len(self._numbers))


def _side(rows: Iterable[Row | None], before: int) -> dict[str, Any]:
    """Return what one transcript has of each row; *before* messages of another come first."""

    def place(at: int | None) -> int:
        return -1 if at is None else at + before

    found = list(rows)
    return {
        "ms": [None if row is None else row.ms for row in found],
        "asked": [place(None if row is None else row.asked) for row in found],
        "told": [place(None if row is None else row.told) for row in found],
    }


@dataclass(frozen=True, slots=True)
class _Shell:
    """The page without a transcript, and the hashes of what stands in it."""

    html: str
    styles: tuple[str, ...]
    scripts: tuple[str, ...]


def sources() -> Mapping[str, Sequence[str]]:
    """Return what a policy must let in for the page to run: `style` and `script`, by hash.

    For whoever shows the page inside his own, whose policy holds there too.
    """
    shell = _shell()
    return {"style": shell.styles, "script": shell.scripts}


@cache
def _shell() -> _Shell:
    """Put the files of `page/` in, each as it is, and hash them."""
    hashes: dict[str, list[str]] = {"style": [], "script": []}

    def inline(kind: str, found: re.Match[str]) -> str:
        text = "\n" + _file(found[1])
        digest = hashlib.sha256(text.encode()).digest()
        hashes[kind].append(f"'sha256-{base64.b64encode(digest).decode()}'")
        return f"<{kind}>{text}</{kind}>"

    page = _STYLE.sub(lambda found: inline("style", found), _file("index.html"))
    page = _SCRIPT.sub(lambda found: inline("script", found), page)
    return _Shell(page, tuple(hashes["style"]), tuple(hashes["script"]))


def _assemble(name: str, overview: bytes, messages: bytes) -> str:
    """Put everything in one file, and allow the browser what is in it alone."""
    policy = "; ".join(
        (
            "default-src 'none'",
            *(f"{kind}-src {' '.join(allowed)}" for kind, allowed in sources().items()),
            "base-uri 'none'; form-action 'none'",
        )
    )
    page = _shell().html.replace("default-src 'none'", policy, 1)
    page = page.replace("<title>Transcript<", f"<title>{html.escape(name)} · transcript<", 1)
    for element, content in (("overview", overview), ("messages", messages)):
        packed = base64.b64encode(gzip.compress(content, LEVEL, mtime=0)).decode()
        page = page.replace(f'id="packed-{element}">', f'id="packed-{element}">{packed}', 1)
    return page


def _file(name: str) -> str:
    return (files("rpcbackend.transcripts") / "page" / name).read_text(encoding="utf-8")
