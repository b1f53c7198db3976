"""The page that `inspect` writes, in a real browser without a network."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from rpcbackend.cli import main
from tests.e2e.backend import run
from tests.e2e.browser import Scheme, chosen, empty_page, focused, press, show, texts
from tests.transcripts.scripts import asked, busy_day, failed, happened, told, write_script

EVIL = "</script><!--\u2028<img src=x onerror=alert(1)>"

DAY = [
    happened(0, "system.started"),
    asked(10, 1, "students.list", text="<personal:7>", _meta={"token": "<secret:1>"}),
    told(12, 1, items=[{"id": "stu_1", "fullName": "<personal:8>"}], note=EVIL),
    asked(20, 2, "lessons.book", studentId="stu_1"),
    happened(23, "lessons.booked", id="les_1"),
    told(25, 2, lesson={"id": "les_1", "state": "booked", "minutes": 90}),
    asked(30, 1, "students.get", conn="con_2", id="stu_9"),
    failed(31, 1, "NOT_FOUND", conn="con_2"),
    asked(40, 3, "students.get", id="stu_1"),
    told(240, 3, id="stu_1"),
    asked(300, 4, EVIL),
    failed(301, 4, "METHOD_NOT_FOUND"),
]
NEXT_DAY = [
    *DAY[:5],
    told(45, 2, lesson={"id": "les_1", "state": "cancelled", "minutes": 90}),
    *DAY[6:10],
    asked(250, 9, "ping"),
    told(251, 9),
]
MANY = 100_000


CUT = """() => {
    const all = document.querySelectorAll('.top *, .filters *, .detail header *');
    const cut = [...all].filter((element) => {
        if (!element.checkVisibility() || element.closest('#channels')) return false;
        const { left, right, top, bottom } = element.getBoundingClientRect();
        const found = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
        return right > innerWidth || !(element.contains(found) || found?.contains(element));
    });
    const { scrollHeight, clientHeight } = document.querySelector('.filters');
    const page = document.documentElement;
    return [
        scrollHeight > clientHeight ? 'filters' : '',
        page.scrollHeight > innerHeight || page.scrollWidth > innerWidth ? 'page' : '',
        ...cut.map(({ outerHTML }) => outerHTML),
    ];
}"""
"""What cannot be seen without scrolling; channels may be more than there is room for."""

CONTRAST = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")

# One browser serves them all: it takes longer to start than most of them.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True)
class Pages:
    """What the command wrote."""

    day: Path
    compared: Path
    torn: Path


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    folder = tmp_path_factory.mktemp("pages")
    day = write_script(folder / "day.jsonl", DAY)
    second = write_script(folder / "next day.jsonl", NEXT_DAY)
    torn = write_script(folder / "torn.jsonl", DAY[:4], end=DAY[4].to_line()[:-9])
    for arguments in ([day], [torn], [day, "--against", second, "-o", folder / "compared.html"]):
        assert main(["inspect", *map(str, arguments)]) == 0
    return Pages(folder / "day.jsonl.html", folder / "compared.html", folder / "torn.jsonl.html")


@pytest_asyncio.fixture(loop_scope="module")
async def page(chromium: Browser) -> AsyncIterator[Page]:
    async with empty_page(chromium) as opened:
        yield opened


async def test_the_page_shows_the_transcript_and_asks_the_network_for_nothing(
    page: Page, pages: Pages
) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))

    await show(page, pages.day)

    assert await page.title() == "day.jsonl · transcript"
    assert await texts(page, ".row .channel") == [
        *("system.started", "students.list", "lessons.book", "lessons.booked"),
        *("students.get", "students.get", EVIL),
    ]
    assert await texts(page, "#figures dd") == [
        *("5", "2", "2", "2.0 ms", "200 ms", "200 ms", "200 ms"),
    ]
    await press(page, "End", "Enter")
    assert requests == [pages.day.as_uri()]


async def test_the_policy_refuses_what_is_not_in_the_page(page: Page, pages: Pages) -> None:
    await show(page, pages.day)

    refused = await page.evaluate("""async () => {
        const refusal = (act) => new Promise((resolve) => {
            const hear = (event) => resolve(event.effectiveDirective);
            document.addEventListener('securitypolicyviolation', hear, { once: true });
            act();
        });
        const add = (tag, property, value) => () => {
            const element = document.createElement(tag);
            element[property] = value;
            document.body.append(element);
        };
        return [
            await refusal(() => void fetch('http://127.0.0.1:9/').catch(() => {})),
            await refusal(add('img', 'src', 'http://127.0.0.1:9/a.png')),
            await refusal(add('script', 'textContent', 'document.title = "broken into"')),
        ];
    }""")

    assert refused == ["connect-src", "img-src", "script-src-elem"]
    assert await page.title() == "day.jsonl · transcript"


async def test_filters_by_text_channel_connection_errors_events_and_latency(
    page: Page, pages: Pages
) -> None:
    await show(page, pages.day)

    async def shown() -> list[str]:
        return await texts(page, ".row .time")

    def times(*ms: int) -> list[str]:
        return [f"00:00:00.{each:03}" for each in ms]

    await page.fill("#words", "LES_1")
    assert await shown() == times(20, 23)
    await page.fill("#words", EVIL)
    assert await shown() == times(10, 300)
    await page.click("#reset")
    await page.click("#channels >> text=students.get")
    assert await shown() == times(30, 40)
    await page.click("#conns >> text=con_2")
    assert await shown() == times(30)
    await page.click("#reset")
    await page.click("#errors")
    assert await shown() == times(30, 300)
    assert await texts(page, ".row .outcome") == ["NOT_FOUND", "METHOD_NOT_FOUND"]
    assert await page.inner_text("#status") == "2 of 7 rows"
    await page.click("#reset")
    await page.click("#events")
    assert await shown() == times(10, 20, 30, 40, 300)
    await page.get_by_role("button", name="200 ms to 500 ms: 1 calls").click()
    assert await shown() == times(40)


async def test_connections_of_one_call_each_are_one_choice(page: Page, tmp_path: Path) -> None:
    web = [f"web_{number}" for number in range(2_000)]
    calls = [
        entry
        for at, conn in enumerate(["con_1", *web])
        for entry in (asked(at, 1, "ping", conn=conn), told(at, 1, conn=conn))
    ]
    path = write_script(tmp_path / "day.jsonl", calls)
    assert main(["inspect", str(path)]) == 0

    await show(page, tmp_path / "day.jsonl.html")

    assert await texts(page, "#conns button") == ["web … 2,000", "con … 1"]
    await page.click("#conns >> text=con …")
    assert await texts(page, ".row .conn") == ["con_1"]


async def test_a_window_of_time_is_drawn_with_the_pointer_or_the_keys(
    page: Page, pages: Pages
) -> None:
    await show(page, pages.day)
    box = await page.locator("#timeline").bounding_box()
    assert box is not None

    await page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 9)
    await page.mouse.down()
    await page.mouse.move(box["x"] + box["width"], box["y"] + 9)
    await page.mouse.up()

    assert await texts(page, ".row .time") == ["00:00:00.300"]
    await page.focus("#grid")
    await press(page, "0", "Home", "+", "+", "+", "+")
    assert await texts(page, ".row .channel") == ["system.started"]
    await press(page, "0")
    assert await page.inner_text("#status") == "7 of 7 rows"


async def test_everything_is_reached_with_the_keys(page: Page, pages: Pages) -> None:
    await show(page, pages.day)

    assert (await focused(page), await chosen(page)) == ("grid", "00:00:00.000")
    await press(page, "ArrowDown", "j")
    assert await chosen(page) == "00:00:00.020"
    await press(page, "n")
    assert await chosen(page) == "00:00:00.030"
    await press(page, "Enter")
    assert await page.inner_text("#detail h2") == "students.get"
    await press(page, "ArrowUp", "k")
    assert await page.inner_text("#detail h2") == "lessons.book"
    await press(page, "Escape")
    assert await page.is_hidden("#detail")
    await press(page, "/")
    assert await focused(page) == "words"
    await page.keyboard.type("e/n?")
    assert await page.input_value("#words") == "e/n?"
    await press(page, "Escape")
    assert await focused(page) == "grid"
    await press(page, "Escape", "e")
    assert await page.get_attribute("#errors", "aria-pressed") == "true"
    await press(page, "?")
    assert await page.is_visible("#keys")
    await press(page, "Escape", "Escape", "End")
    assert await chosen(page) == "00:00:00.300"

    await page.focus("#words")
    stops = []
    for _ in range(7):
        await press(page, "Tab")
        stops.append(await page.evaluate("document.activeElement.innerText.split('\\n')[0]"))
    assert stops[:3] == ["errors", "events", "clear"]
    assert stops[3].startswith("con_1")
    assert stops[4].startswith("students.get")
    await page.focus("#channels button")
    await press(page, "ArrowDown", "Enter")
    assert await page.get_attribute("#channels button:focus", "aria-pressed") == "true"


@pytest.mark.parametrize("width", [480, 800, 1400])
async def test_no_window_is_too_narrow_for_the_filters(
    page: Page, pages: Pages, width: int
) -> None:
    await page.set_viewport_size({"width": width, "height": 800})
    await show(page, pages.compared)
    cut = await page.evaluate(CUT)

    is_narrow = await page.is_visible("#more")
    if is_narrow:
        assert await page.is_hidden("#channels")
        await page.click("#more")
    cut += await page.evaluate(CUT)
    await page.click("#channels >> text=students.get")
    await page.click("#conns >> text=con_2")
    assert await texts(page, ".row .time") == ["00:00:00.030"]
    if is_narrow:
        assert await page.inner_text("#more") == "channels: 2 chosen"
        await page.click("#more")
        assert await page.is_hidden("#channels")
    await page.click("#reset")
    assert await page.inner_text("#status") == "8 of 8 rows"
    await page.focus("#grid")
    await press(page, "n", "Enter")
    cut += await page.evaluate(CUT)

    assert (is_narrow, set(cut)) == (width < 900, {""})


async def test_a_call_shows_request_and_reply_and_the_events_in_between(
    page: Page, pages: Pages
) -> None:
    await show(page, pages.day)

    await page.click(".row:has-text('lessons.book')")

    request, reply = await texts(page, "#detail .messages section")
    assert '"studentId": "stu_1"' in request
    assert '"state": "booked",' in reply
    assert await texts(page, ".meanwhile li") == ["lessons.booked +3.0 ms"]
    await page.click(".meanwhile button")
    assert await page.inner_text("#detail h2") == "lessons.booked"


async def test_what_was_taken_out_is_shown_as_such_and_markup_as_text(
    page: Page, pages: Pages
) -> None:
    await show(page, pages.day)

    await page.click(".row:has-text('students.list')")

    assert await texts(page, ".placeholder") == [
        *("<personal:7>", "<secret:1>", "<personal:8>"),
    ]
    titles = [
        await each.get_attribute("title") for each in await page.locator(".placeholder").all()
    ]
    assert titles == [
        "what tells of a person, and was taken out",
        "a secret that was taken out",
        "what tells of a person, and was taken out",
    ]
    assert EVIL in (await page.text_content("#detail") or "")
    assert await page.locator("img").count() == 0


async def test_a_second_transcript_is_compared_and_each_changed_path_named(
    page: Page, pages: Pages
) -> None:
    await show(page, pages.compared)

    await press(page, "d")
    assert await texts(page, ".row .outcome") == [
        *("ok · ≠ 1", "ok · only in the second", "METHOD_NOT_FOUND · only in the first"),
    ]
    await press(page, "Enter")
    assert await texts(page, ".changes button") == ['result.lesson.state "booked" → "cancelled"']
    assert await page.locator(".pair.changed").count() == 1
    left, right = await texts(page, ".pair.changed .line")
    assert (left, right) == ('"state": "booked",', '"state": "cancelled",')
    assert await page.get_attribute(".pair.changed", "data-path") == "result.lesson.state"
    assert await page.locator(".track .second").count() == 2


async def test_a_torn_transcript_opens_up_to_the_tear(page: Page, pages: Pages) -> None:
    await show(page, pages.torn)

    assert await texts(page, ".row .outcome") == ["event", "ok", "no reply"]
    assert await page.inner_text("#notes") == (
        "torn.jsonl: Its end was torn off: the process died, or somebody cut it."
    )


async def test_a_long_reply_is_shown_down_to_its_difference_and_the_rest_on_demand(
    page: Page, tmp_path: Path
) -> None:
    def day(path: Path, odd: int) -> Path:
        items = [number == odd for number in range(5_000)]
        return write_script(path, [asked(1, 1, "students.list"), told(2, 1, items=items)])

    first, second = day(tmp_path / "a", 2_000), day(tmp_path / "b", 2_001)
    output = tmp_path / "page.html"
    assert main(["inspect", str(first), "--against", str(second), "-o", str(output)]) == 0
    await show(page, output)

    await press(page, "Enter")

    assert await texts(page, ".changes b") == ["result.items[2000]", "result.items[2001]"]
    await page.click(".changes >> text=result.items[2001]")
    assert await texts(page, ".pair.changed .line") == ["true,", "false,", "false,", "true,"]
    assert await page.locator(".pair").count() < 2_200
    await page.click("text=more lines")
    assert await page.locator(".pair").count() == 5_000 + 8 + 6


async def test_a_transcript_of_nothing_opens(page: Page, tmp_path: Path) -> None:
    path = write_script(tmp_path / "day.jsonl", [])
    assert main(["inspect", str(path)]) == 0

    await show(page, tmp_path / "day.jsonl.html")
    await press(page, "ArrowDown", "Enter", "n", "+", "e", "End")

    assert await page.inner_text("#status") == "0 of 0 rows"
    assert await texts(page, "#figures dd") == ["0", "0", "0", "-", "-", "-", "-"]


async def test_a_hundred_thousand_messages_open_scroll_and_are_searched(
    page: Page, tmp_path: Path
) -> None:
    path = write_script(tmp_path / "busy.jsonl", busy_day(MANY))
    assert (await run("inspect", str(path)))[0] == 0
    output = tmp_path / "busy.jsonl.html"
    await show(page, output)

    assert await page.inner_text("#status") == "50,000 of 50,000 rows"
    await press(page, "End")
    assert await chosen(page) == "00:06:14.993"
    await page.evaluate("document.querySelector('#grid').scrollTop = 25_000 * 26")
    await page.wait_for_selector("[aria-rowindex='25001']")
    assert await page.locator(".row").count() < 60
    await page.fill("#words", '"rev":41999}')
    assert await texts(page, ".row .time") == ["00:05:14.993"]


async def test_the_theme_is_changed_with_a_button(page: Page, pages: Pages) -> None:
    await show(page, pages.day)
    paper = "getComputedStyle(document.body).backgroundColor"

    before = await page.evaluate(paper)
    await page.click("#theme")

    assert (before, await page.evaluate(paper)) == ("rgb(246, 247, 249)", "rgb(18, 21, 27)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_can_be_read_in_light_and_dark(
    chromium: Browser, pages: Pages, scheme: Scheme
) -> None:
    """WCAG 2.2, success criterion 1.4.3: a contrast of 4.5 to 1."""
    async with empty_page(chromium, scheme) as page:
        await show(page, pages.compared)
        weak = await page.evaluate(CONTRAST)
        await press(page, "d", "Enter")
        weak += await page.evaluate(CONTRAST)
        await press(page, "e", "?")

        assert weak + await page.evaluate(CONTRAST) == []
