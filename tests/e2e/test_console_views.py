"""The console in a real browser: what it shows live, and to whom."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.e2e.backend import Backend
from tests.e2e.browser import Scheme, texts
from tests.e2e.console import OWNER, Console, console_page, start_mirror

pytestmark = pytest.mark.asyncio(loop_scope="module")

NODE_MODULES = Path(__file__).parents[2] / "electron-shim" / "node_modules"
AXE = """async () => {
    const tags = ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const { violations } = await axe.run({ runOnly: tags });
    return violations.flatMap(({ id, nodes }) =>
        nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')} ${failureSummary}`));
}"""
IS_TOO_WIDE = "document.documentElement.scrollWidth > innerWidth"


@dataclass
class School:
    """A process that is recorded, and where its mirror is."""

    backend: Backend
    url: str

    async def save_branch(self, name: str) -> None:
        """Let something happen at the desk."""
        await self.backend.call("branches.save", name=name, zone="UTC", currency="EUR")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def school(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[School]:
    folder = tmp_path_factory.mktemp("school")
    record = ("--record", str(folder / "day.jsonl"))
    school = School(*await start_mirror(folder / "data", *record))
    await school.backend.call("auth.bootstrap", **OWNER)
    yield school
    await school.backend.end()


@pytest_asyncio.fixture(loop_scope="module")
async def console(chromium: Browser, school: School) -> AsyncIterator[Console]:
    async with console_page(chromium, school.url) as opened:
        await opened.open()
        await opened.sign_in()
        yield opened
        await sign_out(opened)


async def sign_out(console: Console) -> None:
    """Of a user's sessions the oldest goes when there are too many."""
    async with console.page.expect_response("**/api/auth.logout"):
        await console.page.click("#sign-out")


async def test_events_come_as_they_happen_and_are_filtered(
    console: Console, school: School
) -> None:
    page = console.page
    await page.wait_for_selector("#events-view [data-state=live]", state="attached")
    await school.save_branch("Eins")
    await page.wait_for_selector("#events-new >> text=1")
    await console.go("events")
    await school.save_branch("Zwei")
    await page.wait_for_selector(".events li:nth-child(2)")

    assert await texts(page, ".events strong") == ["branches.saved", "branches.saved"]
    assert await page.is_hidden("#events-new")
    await page.click(".events summary >> nth=0")
    await page.wait_for_selector(".events .json")
    assert '"actor": "usr_' in await page.inner_text(".events li >> nth=0")
    await page.fill("#event-words", "lessons")
    assert await page.locator(".events li").count() == 0
    await page.fill("#event-words", "branches.saved branch")
    assert await page.locator(".events li").count() == 2


async def test_paused_events_wait(console: Console, school: School) -> None:
    page = console.page
    await console.go("events")
    await page.wait_for_selector("#events-view .state[data-state=live]")
    await page.click("text=Pause")
    await school.save_branch("Drei")
    await page.wait_for_selector("#events-view p >> text=0 of 1 events")

    assert await page.locator(".events li").count() == 0
    await page.click("text=Pause")
    assert await page.locator(".events li").count() == 1


async def test_events_of_a_time_without_connection_are_not_missed(
    chromium: Browser, tmp_path: Path
) -> None:
    backend, url = await start_mirror(tmp_path / "data")
    await backend.call("auth.bootstrap", **OWNER)
    async with console_page(chromium, url) as console:
        await console.open("events")
        await console.sign_in()
        await console.page.wait_for_selector("#events-view .state[data-state=live]")
        await backend.end()
        await console.page.wait_for_selector("#events-view .state[data-state=broken]")
        port = int(url.rpartition(":")[2])

        # The time between is too short for the page: what it missed is what it was not told.
        school = School(*await start_mirror(tmp_path / "data", port=port))
        await school.backend.call("auth.login", **OWNER)
        await school.save_branch("Vier")

        await console.page.wait_for_selector(".events li >> text=branches.saved")
        await school.backend.end()


async def test_health_and_latencies_are_shown_as_they_are_now(console: Console) -> None:
    page = console.page
    await console.go("channels/branches.list")
    await console.send()
    await console.go("health")
    await page.wait_for_selector(".latencies")

    figures = await page.inner_text("#health-view .figures")
    assert "status\nok" in figures
    assert "memory" in figures
    assert await texts(page, "#health-view .chart h2") == [
        *("Latency of calls", "Calls a second", "Processor", "Lag of the event loop"),
    ]
    row = page.locator(".latencies tr", has_text="branches.list")
    assert "ms" in await row.inner_text()
    await page.click(".latencies thead >> text=channel")
    names = await texts(page, ".latencies tbody a")
    assert names == sorted(names)
    # A second look tells what happened in between.
    await page.wait_for_selector(".series.cpu:not([d=''])", state="attached")
    await page.click(".latencies >> text=branches.list")
    assert await page.inner_text("#channel-name") == "branches.list"


async def test_a_transcript_is_opened_in_a_frame_that_reaches_nothing(console: Console) -> None:
    page = console.page
    await console.go("transcripts")
    await page.click("#transcripts-view >> text=day.jsonl")
    frame = page.frame_locator("#transcripts-view iframe")
    await frame.locator("body[aria-busy=false]").wait_for()

    await frame.locator("#words").fill(OWNER["password"])
    assert await frame.locator("#rows .channel").all_inner_texts() == []
    await frame.locator("#words").fill('"method":"auth.bootstrap"')
    assert await frame.locator("#rows .channel").all_inner_texts() == ["auth.bootstrap"]
    assert OWNER["password"] not in await frame.locator("html").inner_html()
    inner = page.frames[-1]
    assert await inner.evaluate("origin") == "null"
    reach = "() => { try { return parent.document.title; } catch (e) { return e.name; } }"
    assert await inner.evaluate(reach) == "SecurityError"
    call = "() => fetch(%r).then(() => 'reached', () => 'refused')"
    assert await inner.evaluate(call % f"{console.url}/api/health") == "refused"
    assert all("Content Security Policy" in error for error in console.errors)
    console.errors.clear()
    await page.click("text=All transcripts")
    await page.wait_for_selector("#transcripts-view .rows:not([hidden])")
    assert await page.locator("iframe").count() == 0


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_keeps_anybody_from_using_it(
    chromium: Browser, school: School, scheme: Scheme, width: int
) -> None:
    """WCAG 2.2 AA as axe-core finds it, and no view is wider than its window."""
    axe = (NODE_MODULES / "axe-core" / "axe.min.js").read_text("utf-8")
    async with console_page(chromium, school.url, scheme, width=width, bypass_csp=True) as console:
        page, faults = console.page, []

        async def look() -> None:
            faults.extend(await page.evaluate(AXE))
            faults.extend(["too wide"] * await page.evaluate(IS_TOO_WIDE))

        await console.open()
        await page.evaluate(axe)
        await look()
        await console.sign_in()
        await look()
        for name in ("lessons.searchSlots", "instructors.save", "initialize"):
            await console.go(f"channels/{name}")
            await look()
        await console.go("channels/lessons.book")
        await console.send()
        await look()
        await console.go("channels/branches.list")
        await console.send()
        await look()
        await school.save_branch("Fünf")
        for view, wanted in (
            ("events", ".events summary"),
            ("health", ".latencies"),
            ("history", ".history summary"),
            ("transcripts", "#transcripts-view .rows a"),
        ):
            await console.go(view)
            await page.wait_for_selector(wanted)
            if wanted.endswith("summary"):
                await page.click(f"{wanted} >> nth=0")
                await page.wait_for_selector(f".{view} .json")
            await look()
        await page.keyboard.press("?")
        await look()
        await page.keyboard.press("Escape")
        await sign_out(console)

        assert faults == []


async def test_whoever_wants_no_motion_gets_none(chromium: Browser, school: School) -> None:
    still = "getComputedStyle(document.querySelector('#theme')).transitionDuration"
    async with console_page(chromium, school.url) as console:
        await console.page.emulate_media(reduced_motion="reduce")
        await console.open()

        assert await console.page.evaluate(still) == "0s"


async def test_the_theme_is_changed_with_a_button(console: Console) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"

    before = await console.page.evaluate(paper)
    await console.page.click("#theme")

    assert (before, await console.page.evaluate(paper)) == ("rgb(246, 247, 249)", "rgb(18, 21, 27)")
