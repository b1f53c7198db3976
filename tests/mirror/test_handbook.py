"""The page of the contract."""

import base64
import hashlib
import re

from rpcbackend.contract.openrpc import build_openrpc
from rpcbackend.methods import build_registry
from rpcbackend.mirror.handbook import POLICY, write_handbook

DOCUMENT = build_openrpc(build_registry())
SERVED = {"lessons.book", "students.list"}
PAGE = write_handbook(DOCUMENT, SERVED)


def test_it_shows_what_is_served_and_nothing_else() -> None:
    assert set(re.findall(r'<section id="([a-z]+\.[A-Za-z]+)">', PAGE)) == SERVED


def test_it_says_what_must_be_given_first_and_what_comes_of_a_call_that_is_sent_again() -> None:
    page = write_handbook(DOCUMENT, {"lessons.book"})
    lesson = page[page.index('<section id="lessons.book">') :]
    rows = re.findall(r"<tr><td><code>(\w+)</code>.*?<td>(required)?</td>", lesson)

    assert "sent again with its Idempotency-Key it is answered as before" in lesson
    assert {name for name, _ in rows[:4]} == {
        *("durationMinutes", "instructorId", "startsAt", "studentId"),
    }
    assert [is_required for _, is_required in rows[:6]] == ["required"] * 4 + [""] * 2


def test_every_link_within_it_leads_somewhere() -> None:
    ids = set(re.findall(r'id="([^"]+)"', PAGE))

    assert set(re.findall(r'href="#([^"]+)"', PAGE)) <= ids


def test_it_runs_nothing_and_loads_nothing() -> None:
    [style] = re.findall(r"<style>(.*?)</style>", PAGE, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert "<script" not in PAGE
    assert not re.search(r"(src|href)=\"(https?:)?//", PAGE)
    assert f"style-src 'sha256-{digest}'" in POLICY
    assert POLICY.startswith("default-src 'none'")


def test_what_a_docstring_says_is_text() -> None:
    methods = [DOCUMENT["methods"][0] | {"description": "<b>& more", "name": "x.y"}]

    page = write_handbook(DOCUMENT | {"methods": methods}, {"x.y"})

    assert "&lt;b&gt;&amp; more" in page
