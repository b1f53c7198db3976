"""The console in a browser, over a real process with its mirror."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Page, ViewportSize

from tests.e2e.backend import TIMEOUT_SECONDS, Backend
from tests.e2e.browser import Scheme
from tests.e2e.test_mirror import url_of

OWNER = {"login": "owner", "password": "a horse of another colour"}
QUIET = ("status of 4", "net::ERR_")
"""A browser notes each refusal, and each end of a connection, as an error."""

GENEROUS = {
    "RPCBACKEND_LIMITS__AUTH_PER_MINUTE": "1000",
    "RPCBACKEND_SECURITY__RATE_LIMIT__MAX": "1000",
}
"""All tests sign in from one address."""


async def start_mirror(data_dir: Path, *arguments: str, port: int = 0) -> tuple[Backend, str]:
    """Start a process with a mirror, and return it with the address."""
    http = ("--http", f"127.0.0.1:{port}", *arguments)
    backend = await Backend.start(data_dir, *http, **GENEROUS)
    assert (await backend.line())["method"] == "system.ready"
    return backend, await url_of(backend)


@dataclass
class Console:
    """A page of it."""

    page: Page
    url: str
    asked: list[str] = field(default_factory=list)
    """Every address that was asked for."""
    errors: list[str] = field(default_factory=list)
    """What the browser complained of."""

    async def open(self, path: str = "") -> None:
        """Open it at a view."""
        await self.page.goto(f"{self.url}/#/{path}")
        await self.page.wait_for_selector("body[aria-busy=false]")

    async def sign_in(self, **more: str) -> None:
        """Sign in as the owner."""
        await self.fill(**OWNER | more)
        await self.page.click("#sign-in-button")
        await self.page.wait_for_selector("#nav:not([hidden])")

    async def fill(self, **fields: str) -> None:
        """Type into fields by their ids."""
        for name, text in fields.items():
            await self.page.fill(f"#{name}", text)

    async def go(self, path: str) -> None:
        """Follow a deep link."""
        await self.page.evaluate("path => { location.hash = '#/' + path; }", path)
        name = path.removeprefix("channels/")
        if path.startswith("channels/"):
            await self.page.wait_for_selector(f"#channel-name >> text='{name}'")

    async def label(self, text: str, value: str) -> None:
        """Type into the field of the channel's form with that label."""
        await self.page.locator("#call").get_by_label(text, exact=False).first.fill(value)

    async def send(self) -> str:
        """Send the call and return its verdict."""
        await self.page.evaluate("document.querySelector('#verdict').textContent = ''")
        await self.page.click("#send")
        await self.page.wait_for_selector("#verdict:not(:empty)")
        return (await self.page.inner_text("#verdict")).split()[0]

    async def answer(self) -> str:
        """Return what the answer shows."""
        return await self.page.inner_text(".answer")

    async def stored(self) -> Any:
        """Return all that the browser keeps of the page."""
        return await self.page.evaluate(
            "[document.cookie, {...localStorage}, {...sessionStorage}, location.href]"
        )


@asynccontextmanager
async def console_page(
    browser: Browser,
    url: str,
    scheme: Scheme = "light",
    *,
    width: int = 1280,
    bypass_csp: bool = False,
) -> AsyncIterator[Console]:
    """Open a page; no error and no breach of its policy may come of what is done with it."""
    size: ViewportSize = {"width": width, "height": 860}
    context = await browser.new_context(color_scheme=scheme, viewport=size, bypass_csp=bypass_csp)
    page = await context.new_page()
    page.set_default_timeout(TIMEOUT_SECONDS * 1_000)
    console = Console(page, url)

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error" and not any(text in message.text for text in QUIET):
            console.errors.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: console.errors.append(str(error)))
    page.on("request", lambda request: console.asked.append(request.url))
    yield console
    await context.close()
    assert console.errors == []
