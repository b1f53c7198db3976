"""The page as a file; what it does in a browser is in tests/e2e/test_inspector.py."""

import base64
import gzip
import re
from pathlib import Path
from typing import Any

import orjson

from rpcbackend.methods import build_registry
from rpcbackend.transcripts.files import open_transcript
from rpcbackend.transcripts.page import DOCTYPE, Named, Page, make_page
from tests.transcripts.scripts import asked, failed, told, write_script

EVIL = "</script><!--\u2028<img src=x>"


def page_of(*paths: Path) -> Page:
    first, *rest = [Named(path.name, open_transcript(path)) for path in paths]
    return make_page(first, rest[0] if rest else None, build_registry())


def unpack(page: Page, name: str) -> bytes:
    found = re.search(f'id="packed-{name}">([^<]*)<', page.html)
    assert found
    return gzip.decompress(base64.b64decode(found[1]))


def overview_of(page: Page) -> Any:
    return orjson.loads(unpack(page, "overview"))


def test_the_page_carries_every_message_and_an_overview_in_columns(tmp_path: Path) -> None:
    entries = [asked(1, 1, "students.get"), failed(3, 1, "NOT_FOUND"), asked(4, 2, "lessons.book")]
    page = page_of(write_script(tmp_path / "day.jsonl", entries))

    assert [orjson.loads(line) for line in unpack(page, "messages").splitlines()] == [
        entry.msg for entry in entries
    ]
    assert overview_of(page) == {
        "first": {
            "name": "day.jsonl",
            "version": "1.2.3",
            "startedAt": "2026-11-29T08:00:00.000Z",
            "notes": [],
        },
        "second": None,
        "kind": ["call", "call"],
        "t": [1, 4],
        "channel": [0, 1],
        "conn": [0, 0],
        "error": [0, -1],
        "channels": ["students.get", "lessons.book"],
        "channelKinds": ["query", "command"],
        "conns": ["con_1"],
        "errors": ["NOT_FOUND"],
        "messages": 3,
        "one": {"ms": [2, None], "asked": [0, 2], "told": [1, -1]},
        "two": None,
        "changed": {},
    }


def test_a_second_transcript_follows_with_the_paths_that_differ(tmp_path: Path) -> None:
    first = write_script(tmp_path / "a", [asked(1, 1, "ping"), told(2, 1, state="x")])
    second = write_script(tmp_path / "b", [asked(1, 1, "ping"), told(4, 1, state="y")])

    page = page_of(first, second)

    overview = overview_of(page)
    assert (page.messages, page.differing) == (4, 1)
    assert overview["two"] == {"ms": [3], "asked": [2], "told": [3]}
    assert overview["changed"] == {"0": [[], ["result.state"]]}


def test_nothing_in_a_transcript_or_its_name_is_ever_markup(tmp_path: Path) -> None:
    path = write_script(tmp_path / "a<b>&.jsonl", [asked(1, 1, EVIL, note=EVIL), told(2, 1)])

    page = page_of(path)

    plain = page_of(write_script(tmp_path / "a", []))
    assert page.html.count("<script") == plain.html.count("<script")
    assert "<!--\u2028" not in page.html
    assert "<title>a&lt;b&gt;&amp;.jsonl · transcript</title>" in page.html


def test_the_policy_allows_what_is_in_the_file_and_nothing_else(tmp_path: Path) -> None:
    page = page_of(write_script(tmp_path / "a", []))

    assert page.html.startswith(f"{DOCTYPE}\n")
    found = re.search('http-equiv="Content-Security-Policy" content="([^"]*)"', page.html)
    assert found
    rules = dict(rule.split(" ", 1) for rule in found[1].split("; "))
    assert rules.keys() == {"default-src", "style-src", "script-src", "base-uri", "form-action"}
    assert rules["default-src"] == "'none'"
    allowed = [*rules["script-src"].split(), *rules["style-src"].split()]
    assert all(re.fullmatch(r"'sha256-[\w+/=]{44}'", each) for each in allowed)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|src=\"|href=\"", page.html)


def test_what_is_missing_at_either_end_is_said(tmp_path: Path) -> None:
    whole = write_script(tmp_path / "a", [asked(1, 1, "ping"), told(2, 1)])
    torn = write_script(tmp_path / "b", [asked(1, 1, "ping")], end=b'{"t":3,"dir":"ou')
    late = tmp_path / "c"
    late.write_bytes(whole.read_bytes().replace(b'"part":1', b'"part":4', 1))
    bad = write_script(tmp_path / "d", [asked(1, 1, "ping")], end=b"{}\n")

    def notes(path: Path) -> list[str]:
        named = Named(path.name, open_transcript(path, is_whole=False))
        return list(overview_of(make_page(named, None, build_registry()))["first"]["notes"])

    assert notes(whole) == []
    assert notes(torn) == ["Its end was torn off: the process died, or somebody cut it."]
    assert notes(late) == ["It begins with part 4: what was before is gone."]
    assert notes(bad) == [
        "It ends here, for it was damaged: a line is not an entry of a transcript."
    ]
    assert page_of(bad).damage == ("a line is not an entry of a transcript",)
