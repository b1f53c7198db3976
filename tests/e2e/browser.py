"""The system's Chromium, and what the tests of the inspector do with it."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, Page, ViewportSize, async_playwright

Scheme = Literal["light", "dark"]

_NAMES = ("chromium", "chromium-browser", "google-chrome")


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Start it."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    assert found is not None, "no Chromium: apt-get install chromium"
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=found)
        yield started
        await started.close()


@asynccontextmanager
async def empty_page(browser: Browser, scheme: Scheme = "light") -> AsyncIterator[Page]:
    """Open a page that has no network; no error may come of what is done with it."""
    size: ViewportSize = {"width": 1440, "height": 900}
    page = await browser.new_page(color_scheme=scheme, viewport=size, offline=True)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    await page.close()
    assert errors == []


async def show(page: Page, path: Path) -> None:
    """Open a file, and wait until everything is drawn."""
    await page.goto(path.as_uri())
    await page.wait_for_selector("body[aria-busy=false]")


async def press(page: Page, *keys: str) -> None:
    """Press keys, one after the other."""
    for key in keys:
        await page.keyboard.press(key)


async def texts(page: Page, selector: str) -> list[str]:
    """Read what stands in each element."""
    return await page.locator(selector).all_inner_texts()


async def chosen(page: Page) -> str:
    """Read the row that a screen reader would: the active one of the grid."""
    script = """() => {
        const id = document.querySelector('#grid').getAttribute('aria-activedescendant');
        const row = document.getElementById(id);
        return row.getAttribute('aria-selected') === 'true' && row.querySelector('.time').innerText;
    }"""
    return str(await page.evaluate(script))


async def focused(page: Page) -> str:
    """Return the id of what has the focus."""
    return str(await page.evaluate("document.activeElement.id"))
