"""The console in a real browser: who comes and goes, and what does not go as it should."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Request, Route

from tests.e2e.backend import Backend
from tests.e2e.browser import focused, press, texts
from tests.e2e.console import OWNER, Console, console_page

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOCUSED_CHANNEL = "document.activeElement.dataset.name"


@pytest_asyncio.fixture(loop_scope="module")
async def console(chromium: Browser, mirror: tuple[Backend, str]) -> AsyncIterator[Console]:
    async with console_page(chromium, mirror[1]) as opened:
        yield opened
        # Of a user's sessions the oldest goes when there are too many.
        if await opened.page.is_visible("#sign-out"):
            await sign_out(opened)


@pytest_asyncio.fixture(loop_scope="module")
async def desk(console: Console) -> Console:
    """The console, and the owner signed in."""
    await console.open()
    await console.sign_in()
    return console


async def sign_out(console: Console) -> None:
    async with console.page.expect_response("**/api/auth.logout"):
        await console.page.click("#sign-out")


def refused(code: str, **more: Any) -> dict[str, Any]:
    """Return the body of a refusal."""
    error = {"code": code, "message": "No.", "type": "validation", "outcome": "none"}
    return {"status": "error", "data": None, "error": error | {"retryable": True} | more}


async def test_the_next_user_finds_the_list_as_if_nobody_had_been_there(desk: Console) -> None:
    page = desk.page
    await page.fill("#search", "branches")
    await page.click("[data-kind=query]")
    await sign_out(desk)
    await desk.sign_in()

    assert await page.input_value("#search") == ""
    assert await page.get_attribute("[data-kind=query]", "aria-pressed") == "false"
    await page.fill("#search", "students.")
    await page.focus("#search")
    await press(page, "ArrowDown", "ArrowDown")
    second = page.locator("#areas a >> nth=1")
    assert await page.evaluate(FOCUSED_CHANNEL) == await second.get_attribute("data-name")


async def test_what_is_answered_after_its_user_went_is_nobody_s(desk: Console) -> None:
    page, asked, release = desk.page, asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        asked.set()
        await release.wait()
        await route.continue_()

    await page.route("**/api/branches.list", hold)
    await desk.go("channels/branches.list")
    await page.click("#send")
    await asked.wait()
    await sign_out(desk)
    await desk.sign_in()
    async with page.expect_response("**/api/branches.list") as answered:
        release.set()
    await (await answered.value).finished()
    await page.evaluate("new Promise(requestAnimationFrame)")
    assert await page.locator(".answer").count() == 0
    assert await page.is_hidden("#history-count")

    # Nor is it asked again under the next one's name, as after a token that is over.
    assert await desk.send() == "ok"
    await page.wait_for_selector("#history-count >> text='1'")
    assert sum(url.endswith("/api/branches.list") for url in desk.asked) == 2


async def test_whoever_looks_elsewhere_can_call_there_and_finds_the_answer_in_the_history(
    desk: Console,
) -> None:
    page, release = desk.page, asyncio.Event()

    async def hold(route: Route) -> None:
        await release.wait()
        await route.continue_()

    await page.route("**/api/students.list", hold)
    await desk.go("channels/students.list")
    await page.click("#send")
    await desk.go("channels/branches.list")

    assert await desk.send() == "ok"
    async with page.expect_response("**/api/students.list"):
        release.set()
    await page.wait_for_selector("#history-count >> text='2'")
    assert "branches.list" in await page.inner_text("#channel-name")


async def test_a_renewal_that_is_refused_for_now_ends_no_session(desk: Console) -> None:
    page = desk.page
    over = refused("SESSION_EXPIRED")
    busy = refused("RATE_LIMITED", retryAfterMs=1_000)

    await page.route("**/api/auth.refresh", lambda route: route.fulfill(status=429, json=busy))
    await page.route(
        "**/api/branches.list", lambda route: route.fulfill(status=401, json=over), times=1
    )
    await desk.go("channels/branches.list")

    assert await desk.send() == "RATE_LIMITED"
    assert "Nothing was changed. Try again in 1 s." in await desk.answer()
    assert await desk.send() == "ok"


async def test_a_key_that_opened_nothing_is_forgotten_by_whoever_brings_a_password(
    console: Console,
) -> None:
    page, keys = console.page, set[str]()

    def hear(request: Request) -> None:
        keys.add(request.headers.get("x-api-key", "none"))

    await console.open()
    await page.route("**/openrpc.json", lambda route: route.abort(), times=1)
    await page.click("#by-key")
    await page.fill("#key", "rpk_of_somebody")
    await page.click("#sign-in-button")
    await page.wait_for_selector("#sign-in-error:not(:empty)")
    page.on("request", hear)
    await page.click("#by-password")
    await console.sign_in()

    assert await page.inner_text("#account") == OWNER["login"]
    assert keys == {"none"}


async def test_a_wait_is_told_once_and_counted_on_the_button(console: Console) -> None:
    page = console.page
    limited = refused("RATE_LIMITED", retryAfterMs=1_500)
    await page.route(
        "**/api/auth.login", lambda route: route.fulfill(status=429, json=limited), times=1
    )

    await console.open()
    await console.fill(**OWNER)
    await page.click("#sign-in-button")

    await page.wait_for_selector("#sign-in-button:disabled >> text=/^Again in [12] s$/")
    assert await page.inner_text("#sign-in-error") == "No."
    await page.wait_for_selector("#sign-in-button:enabled >> text='Sign in'")
    await console.sign_in()


@pytest.mark.parametrize("path", ["%zz", "channels/%", "nowhere/at/all"])
async def test_a_link_that_names_nothing_breaks_nothing(console: Console, path: str) -> None:
    await console.open(path)
    await console.sign_in()

    assert await console.page.is_visible("#channels-view")


async def test_two_quick_steps_end_where_the_second_leads(desk: Console) -> None:
    await desk.page.evaluate("location.hash = '#/health'; location.hash = '#/history'")
    await desk.page.wait_for_selector("h1:focus >> text='History'")
    await desk.page.evaluate("new Promise((done) => setTimeout(done))")

    assert await focused(desk.page) == "history-title"


async def test_the_content_is_skipped_to_where_one_is(desk: Console) -> None:
    page = desk.page
    await desk.go("health")
    await page.focus("#skip")
    await press(page, "Enter")

    assert await focused(page) == "main"
    assert await page.is_visible("#health-view")


async def test_single_keys_can_be_turned_off(desk: Console) -> None:
    """WCAG 2.2, success criterion 2.1.4: who speaks to his computer types by accident."""
    page = desk.page
    await press(page, "?")
    await page.uncheck("#single-keys")
    await press(page, "Escape", "2")

    assert await page.is_visible("#channels-view")
    await page.click("#help")
    await page.check("#single-keys")
    await press(page, "Escape", "2")
    await page.wait_for_selector("#events-view:not([hidden])")


async def test_half_a_time_is_not_left_out_in_silence(desk: Console) -> None:
    page = desk.page
    await desk.go("channels/lessons.list")
    field = page.locator("#call input[type=datetime-local]").first
    await field.focus()
    await page.keyboard.type("11")
    await page.click("#send")

    told = await texts(page, "#call .field .fault:not([hidden])")
    assert told == ["Finish it, or empty it."]
    assert await field.get_attribute("aria-invalid") == "true"
    assert not any("lessons.list" in url for url in desk.asked)


async def test_what_is_wrong_with_a_list_is_no_fault_of_its_first_entry(desk: Console) -> None:
    page = desk.page
    errors = [{"path": "categories", "rule": "too_short", "message": "Too few of them"}]
    refusal = refused("INVALID_PARAMS", details={"errors": errors})
    await page.route(
        "**/api/instructors.save", lambda route: route.fulfill(status=422, json=refusal)
    )
    await desk.go("channels/instructors.save")
    await page.click("text=Add to categories")

    assert await desk.send() == "INVALID_PARAMS"
    assert await page.inner_text(".params > .fault") == "categories: Too few of them"
    assert await page.locator(".entry [aria-invalid]").count() == 0


async def test_events_go_on_after_the_backend_was_set_back(console: Console) -> None:
    page, resumed_after = console.page, list[str | None]()

    async def first(route: Route) -> None:
        await route.fulfill(content_type="text/event-stream", body="id: 999999\n\n")

    def hear(request: Request) -> None:
        if "/api/events" in request.url:
            resumed_after.append(request.headers.get("last-event-id"))

    page.on("request", hear)
    await page.route("**/api/events", first, times=1)
    await console.open("events")
    await console.sign_in()
    async with page.expect_response(lambda response: response.status == 422):
        pass
    await page.wait_for_selector("#events-view .state[data-state=live]")

    assert resumed_after == [None, "999999", None]
