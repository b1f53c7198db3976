"""The console as files; what it does in a browser is in tests/e2e/test_console*.py."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from rpcbackend.api_settings import ApiSettings
from rpcbackend.app import Application
from rpcbackend.mirror import page
from rpcbackend.testing import FrozenClock
from rpcbackend.transcripts.page import sources
from tests.mirror.web import Web, mirrored

FOLDER = Path(page.__file__).parent / "page"


def rules_of(policy: str) -> dict[str, str]:
    parts = (rule.partition(" ") for rule in policy.split("; "))
    return {name: value for name, _, value in parts}


async def test_the_page_is_served_to_anybody_and_may_load_nothing_from_elsewhere(web: Web) -> None:
    answer = await web.get("/")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    rules = rules_of(answer.headers["content-security-policy"])
    assert {name: rules[name] for name in rules.keys() - {"script-src", "style-src"}} == {
        "default-src": "'none'",
        "connect-src": "'self'",
        "img-src": "'self'",
        "frame-src": "blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert rules["script-src"].split() == ["'self'", *sources()["script"]]
    assert rules["style-src"].split() == ["'self'", *sources()["style"]]


async def test_every_file_that_the_page_asks_for_is_served(web: Web) -> None:
    html = (await web.get("/")).text

    asked = re.findall(r'(?:src|href)="(/console/[\w.]+)"', html)
    served = [(await web.get(path)).status_code for path in asked]
    assert len(asked) > 5
    assert set(served) == {200}
    modules = {path.name for path in FOLDER.glob("*.js")}
    imported = {
        name
        for module in modules
        for name in re.findall(r"from '\./([\w.]+)'", (FOLDER / module).read_text("utf-8"))
    }
    assert imported | {"main.js"} == modules


async def test_a_file_is_not_sent_again_while_it_is_the_same(web: Web) -> None:
    first = await web.get("/console/main.js")

    again = await web.get("/console/main.js", If_None_Match=first.headers["etag"])

    assert first.headers["content-type"] == "text/javascript; charset=utf-8"
    assert first.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/console/",
        "/console/index.html",
        "/console/../page.py",
        "/console/%2e%2e/page.py",
        "/console/page.py",
        "/console/inspector.js",
        "/desk/",
    ],
)
async def test_nothing_else_is_a_file(web: Web, path: str) -> None:
    answer = await web.get(path)

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "METHOD_NOT_FOUND")


def test_no_file_names_another_place_or_makes_markup_of_a_text() -> None:
    for file in FOLDER.iterdir():
        text = file.read_text("utf-8")
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), file.name
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text
        )
        assert not re.search(r"localStorage|sessionStorage|document\.cookie", text), file.name


def test_no_module_of_the_page_is_longer_than_ours() -> None:
    lengths = {file.name: len(file.read_text("utf-8").splitlines()) for file in FOLDER.glob("*.js")}

    assert {name: lines for name, lines in lengths.items() if lines > 250} == {}


async def test_a_desk_is_served_from_its_folder_and_only_its_files(
    app: Application, clock: FrozenClock, tmp_path: Path
) -> None:
    for name in ("index.html", "app.js", "notes.txt"):
        (tmp_path / name).write_text(name, encoding="utf-8")

    async with mirrored(app, clock, desk=tmp_path) as web:
        index, script = await web.get("/desk/"), await web.get("/desk/app.js")
        notes = await web.get("/desk/notes.txt")

    assert (index.text, script.text, notes.status_code) == ("index.html", "app.js", 404)
    assert rules_of(index.headers["content-security-policy"])["connect-src"] == "'self'"
    assert "unsafe" not in index.headers["content-security-policy"]


def test_a_folder_without_a_desk_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"there is no index\.html"):
        ApiSettings(desk=tmp_path)
    with pytest.raises(ValidationError):
        ApiSettings(desk=tmp_path / "nowhere")
