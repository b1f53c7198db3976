"""The console in a real browser: who may come in, and what may be called."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from rpcbackend.security.totp import STEP_MS, code_at
from tests.e2e.backend import Backend
from tests.e2e.browser import press, texts
from tests.e2e.console import OWNER, Console, console_page, start_mirror

# One browser and one process serve them all: both take longer to start than most of them.
pytestmark = pytest.mark.asyncio(loop_scope="module")

PARAMS = "JSON.parse(document.querySelector('.params > textarea').value)"
MANY = 150
NOBODY = "stu_0199d1f0-0000-7000-8000-000000000000"


@pytest_asyncio.fixture(loop_scope="module")
async def console(chromium: Browser, mirror: tuple[Backend, str]) -> AsyncIterator[Console]:
    async with console_page(chromium, mirror[1]) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def desk(console: Console) -> AsyncIterator[Console]:
    """The console, and the owner signed in."""
    await console.open()
    await console.sign_in()
    yield console
    # Of a user's sessions the oldest goes when there are too many.
    if await console.page.is_visible("#sign-out"):
        async with console.page.expect_response("**/api/auth.logout"):
            await console.page.click("#sign-out")


async def test_it_speaks_to_its_own_origin_alone_and_keeps_nothing(desk: Console) -> None:
    for view in ("channels/students.list", "events", "health", "history", "transcripts"):
        await desk.go(view)
    await desk.page.wait_for_selector("#transcripts-view:not([hidden])")

    assert {url for url in desk.asked if not url.startswith(f"{desk.url}/")} == set()
    assert await desk.stored() == ["", {}, {}, f"{desk.url}/#/transcripts"]


async def test_a_wrong_password_is_told_and_the_right_one_opens_the_link_that_was_followed(
    console: Console,
) -> None:
    await console.open("channels/students.create")
    await console.fill(login=OWNER["login"], password="not this one")  # noqa: S106 (it is wrong)
    await console.page.click("#sign-in-button")
    error = await console.page.wait_for_selector("#sign-in-error:not(:empty)")
    assert error is not None

    assert "do not fit" in await error.inner_text()
    await console.sign_in()
    assert await console.page.inner_text("#channel-name") == "students.create"
    assert await console.page.inner_text("#account") == OWNER["login"]
    assert await console.page.input_value("#password") == ""


async def test_the_code_of_the_authenticator_is_asked_for_once_there_is_one(
    chromium: Browser, tmp_path: Path
) -> None:
    backend, url = await start_mirror(tmp_path / "data")
    await backend.call("auth.bootstrap", **OWNER)
    uri = (await backend.call("auth.mfaEnrol"))["secretUri"]
    secret = uri.partition("secret=")[2].partition("&")[0]
    refusal = await backend.ask({"jsonrpc": "2.0", "id": 1, "method": "no.such"})
    step = refusal["error"]["data"]["timestamp"] // STEP_MS
    enrolled = await backend.call("auth.mfaEnrol", code=code_at(secret, step))
    async with console_page(chromium, url) as console:
        await console.open()
        await console.fill(**OWNER)
        await console.page.click("#sign-in-button")
        await console.page.wait_for_selector("#code-field:not([hidden])")
        # A code is good once: this one is of the next half minute.
        await console.sign_in(code=code_at(secret, step + 1))
        await console.page.click("#sign-out")

        await console.fill(**OWNER)
        await console.page.click("#sign-in-button")
        await console.page.click("#by-recovery")
        await console.sign_in(code=enrolled["recoveryCodes"][0])
    await backend.end()


async def test_an_api_key_opens_what_its_scopes_say_and_the_rest_is_marked(
    console: Console, mirror: tuple[Backend, str]
) -> None:
    key = await mirror[0].call(
        "apikeys.create", name="x", scopes=["students:read"], _meta={"idempotencyKey": "k"}
    )
    await console.open("channels/students.list")
    await console.page.click("#by-key")
    await console.page.fill("#key", "no such key")
    await console.page.click("#sign-in-button")
    error = await console.page.wait_for_selector("#sign-in-error:not(:empty)")
    assert error is not None
    await console.page.fill("#key", key["secret"])
    await console.page.click("#sign-in-button")
    await console.page.wait_for_selector("#channel-name")

    assert await console.send() == "ok"
    await console.go("channels/branches.list")
    assert await console.send() in ("FORBIDDEN", "SCOPE_MISSING")


async def test_a_channel_is_found_by_any_of_its_words_and_read(desk: Console) -> None:
    page = desk.page
    count = int((await page.inner_text("#found")).split()[0])
    await page.fill("#search", "SLOT free")
    few = int((await page.inner_text("#found")).split()[0])
    await page.fill("#search", "conflict_instructor")

    names = await page.eval_on_selector_all("#areas a", "links => links.map(l => l.dataset.name)")
    assert 0 < few < count
    assert names == ["lessons.book", "lessons.reschedule"]
    await page.click("#areas a >> nth=0")
    assert await texts(page, ".tags .tag") == ["command", "lessons:book"]
    assert "Book a lesson" in await page.inner_text(".about")
    assert "lessons.booked" in await texts(page, ".contract .inline code")
    symbols = await texts(page, ".contract > .errors code")
    assert "CONFLICT_INSTRUCTOR" in symbols
    assert "RATE_LIMITED" not in symbols
    await page.fill("#search", "")
    await page.click("[data-kind=job]")
    kinds = await page.eval_on_selector_all("#areas .kind", "all => all.map(k => k.innerText)")
    assert set(kinds) == {"job"}


async def test_a_channel_that_is_not_served_here_says_so(desk: Console) -> None:
    await desk.go("channels/initialize")

    assert "not over HTTP" in await texts(desk.page, ".tags .tag")
    assert await desk.page.locator("#call").count() == 0


async def test_what_does_not_fit_is_told_at_its_field_and_what_does_is_answered(
    desk: Console,
) -> None:
    page = desk.page
    await desk.go("channels/branches.save")
    await desk.label("Zone", "Europe/Berlin")

    assert await desk.send() == "INVALID_PARAMS"
    assert await texts(page, ".field:has([aria-invalid=true]) > label") == [
        *("Name required", "Currency required"),
    ]
    assert await page.evaluate("document.activeElement.labels[0].innerText") == "Name required"
    await desk.label("Name", "Mitte")
    await desk.label("Currency", "EUR")
    assert await desk.send() == "ok"
    assert '"name": "Mitte"' in await desk.answer()
    assert "HTTP 200" in await desk.answer()
    assert await page.locator("[aria-invalid=true]").count() == 0


async def test_an_error_is_explained(desk: Console) -> None:
    await desk.go("channels/students.get")
    await desk.label("Student id", NOBODY)

    assert await desk.send() == "NOT_FOUND"
    told = await desk.answer()
    for text in ("NOT_FOUND", "HTTP 404", "There is no student", "Nothing was changed", "cor_"):
        assert text in told


async def test_the_form_and_its_json_say_the_same(desk: Console) -> None:
    page = desk.page
    await desk.go("channels/lessons.searchSlots")
    await desk.label("Duration minutes", "90")
    await desk.label("From", "2026-12-01T08:00")
    await page.click("text=Add to instructor ids")
    await page.keyboard.type("ins_1")
    await page.click(".params >> text=JSON")
    params = await page.evaluate(PARAMS)
    begin = await page.evaluate("new Date('2026-12-01T08:00').toISOString().replace('.000Z', 'Z')")

    assert params == {"from": begin, "durationMinutes": 90, "instructorIds": ["ins_1"]}
    text = '{"durationMinutes": 45, "vehicleIds": ["a", "b"], "strange": {"x": null}}'
    await page.fill(".params > textarea", text)
    await page.click(".params >> text=Form")
    assert await page.locator("#call").get_by_label("Duration minutes").input_value() == "45"
    assert await page.locator(".entry").count() == 2
    await page.click(".params >> text=JSON")
    again = await page.evaluate(PARAMS)
    assert again == {"durationMinutes": 45, "vehicleIds": ["a", "b"], "strange": {"x": None}}
    await page.fill(".params > textarea", "{")
    await page.click(".params >> text=Form")
    assert "This is no JSON" in await page.inner_text(".params > .fault")


async def test_a_command_has_a_key_of_its_own_and_a_dry_one_leaves_nothing(desk: Console) -> None:
    page = desk.page
    await desk.go("channels/branches.list")
    await desk.send()
    before = (await desk.answer()).count('"id"')
    await desk.go("channels/branches.save")
    await page.click(".params >> text=JSON")
    await page.fill(".params > textarea", '{"name": "Ost", "zone": "UTC", "currency": "EUR"}')
    key = await page.input_value("#idempotency-key")

    await page.check("#dry-run")
    assert await desk.send() == "ok"
    await page.fill("#idempotency-key", key)
    await page.uncheck("#dry-run")
    assert await desk.send() == "ok"
    first = await desk.answer()
    assert await page.input_value("#idempotency-key") != key
    await page.fill("#idempotency-key", key)
    assert await desk.send() == "ok"
    second = await desk.answer()

    def id_in(answer: str) -> str:
        return next(line for line in answer.splitlines() if '"id"' in line)

    assert id_in(second) == id_in(first)
    assert '"replayed": true' in second
    await desk.go("channels/branches.list")
    await desk.send()
    assert (await desk.answer()).count('"id"') == before + 1


async def test_ids_that_were_seen_are_offered_with_their_names(desk: Console) -> None:
    await desk.go("channels/branches.save")
    for label, text in (("Name", "Nord"), ("Zone", "UTC"), ("Currency", "EUR")):
        await desk.label(label, text)
    await desk.send()

    await desk.go("channels/students.create")
    offered = await desk.page.eval_on_selector_all(
        "#known-bra option", "options => options.map(o => o.label)"
    )
    assert "Nord" in offered


async def test_the_history_keeps_calls_without_their_secrets(desk: Console) -> None:
    page = desk.page
    await desk.go("channels/auth.changePassword")
    await desk.label("New password", "Quittenweg im Regen 7")
    await desk.label("Current password", "not this one")
    assert await desk.send() == "UNAUTHENTICATED"
    await desk.go("history")

    await page.click(".history summary >> nth=0")
    await page.wait_for_selector(".history li .json")
    told = await page.inner_text(".history li >> nth=0")
    assert "auth.changePassword" in told
    assert "Quittenweg" not in await page.content()
    assert '"newPassword": "•••"' in told
    await page.click("text=Fill the form with it")
    assert await page.inner_text("#channel-name") == "auth.changePassword"
    assert await page.locator("#call").get_by_label("New password").input_value() == ""


async def test_everything_is_reached_with_the_keys(desk: Console) -> None:
    page = desk.page
    await press(page, "2")
    await page.wait_for_selector("h1:focus >> text='Events'")
    await press(page, "3")
    await page.wait_for_selector("h1:focus >> text='Health'")
    await press(page, "1", "/")
    await page.keyboard.type("branches:")
    await press(page, "ArrowDown", "ArrowDown", "ArrowUp", "Enter")
    await page.wait_for_selector("#channel-name >> text='branches.list'")
    await page.wait_for_selector("h1:focus >> text='branches.list'")
    await press(page, "Control+Enter")
    await page.wait_for_selector(".answer")
    await press(page, "Escape")
    await page.wait_for_url("**/#/channels")
    await press(page, "?")
    assert await page.is_visible("#keys")
    await press(page, "Escape", "4")
    assert await page.is_hidden("#keys")
    await page.wait_for_selector("h1:focus >> text='History'")


async def test_a_session_that_ends_asks_for_the_sign_in_and_keeps_what_was_typed(
    desk: Console, mirror: tuple[Backend, str]
) -> None:
    page = desk.page
    await desk.go("channels/students.get")
    await desk.label("Student id", NOBODY)
    for session in (await mirror[0].call("sessions.list"))["items"]:
        if session["client"] == "console":
            await mirror[0].call("sessions.revoke", sessionId=session["id"])

    await page.click("#send")
    await page.wait_for_selector("#sign-in-view:not([hidden])")
    assert "Your session is over" in await page.inner_text("#sign-in-why")
    await desk.sign_in()
    assert await page.locator("#call").get_by_label("Student id").input_value() == NOBODY
    assert await desk.send() == "NOT_FOUND"


async def test_who_signs_out_leaves_nothing(desk: Console, mirror: tuple[Backend, str]) -> None:
    await desk.go("channels/branches.list")
    await desk.send()
    before = (await mirror[0].call("sessions.list"))["items"]

    async with desk.page.expect_response("**/api/auth.logout"):
        await desk.page.click("#sign-out")

    assert await desk.page.locator(".answer, #areas a, .history li, datalist").count() == 0
    assert len((await mirror[0].call("sessions.list"))["items"]) == len(before) - 1


async def test_a_contract_of_many_channels_is_shown_at_once(console: Console) -> None:
    async def widen(route: object) -> None:
        response = await route.fetch()  # type: ignore[attr-defined]  # playwright's Route
        document = await response.json()
        method = next(each for each in document["methods"] if each["name"] == "students.list")
        document["methods"] = [
            method | {"name": f"area{number % 25}.verb{number}"} for number in range(MANY)
        ]
        await route.fulfill(response=response, json=document)  # type: ignore[attr-defined]  # as above

    await console.page.route("**/openrpc.json", widen)
    await console.open()
    await console.sign_in()

    assert await console.page.inner_text("#found") == f"{MANY} of {MANY} channels"
    await console.page.fill("#search", "verb14")
    assert await console.page.inner_text("#found") == f"11 of {MANY} channels"
