"""What providers.save, list, remove and test answer and refuse."""

from typing import Any

import orjson
import pytest

from rpcbackend.app import Application
from rpcbackend.context import FRESH_SECONDS
from rpcbackend.outside_settings import OutsideSettings
from rpcbackend.schema.providers import Provider
from rpcbackend.schema.users import Role
from rpcbackend.store import Store
from rpcbackend.store.catalog import shapes
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, FrozenClock, running_app
from tests.factories import told_of
from tests.people import refused, signed_in

SECRET = "canary pass"  # noqa: S105 (opens nothing)
SERVER = {
    "host": "mail.example",
    "port": 587,
    "security": "starttls",
    "sender": "office@school.example",
    "username": "office",
}
SERVICE = {"url": "https://sms.example/v1", "sender": "School"}


def mail(**given: Any) -> dict[str, Any]:
    return {"channel": "mail", "name": "Office mail", "mail": SERVER, "secret": SECRET} | given


def sms(**given: Any) -> dict[str, Any]:
    return {"channel": "sms", "name": "Texts", "web": SERVICE} | given


async def secret_of(store: Store, provider: dict[str, Any]) -> str | None:
    return await store.read(lambda work: work.providers.secret_of(provider["id"]))


async def rules(client: Client, **params: Any) -> dict[str, str]:
    """Save what must be refused, and return which rule each path breaks."""
    with pytest.raises(CallFailedError) as failed:
        await client.call("providers.save", **params)
    assert failed.value.symbol == "INVALID_PARAMS"
    assert failed.value.details is not None
    return {error["path"]: error["rule"] for error in failed.value.details["errors"]}


async def test_save_keeps_a_provider_and_answers_all_but_its_secret(
    client: Client, store: Store
) -> None:
    saved = await client.call("providers.save", **mail())

    assert saved == {
        "id": saved["id"],
        "channel": "mail",
        "name": "Office mail",
        "isEnabled": True,
        "priority": 1,
        "mail": SERVER,
        "web": None,
        "hasSecret": True,
        "version": 1,
    }
    assert await client.call("providers.list") == {"items": [saved]}
    assert await secret_of(store, saved) == SECRET
    told = {"providerId": saved["id"], "channel": "mail"}
    assert await told_of(store, 0) == [
        ("providers.saved", {"type": "provider", "id": saved["id"], "version": 1}, told)
    ]


async def test_save_replaces_a_provider_and_keeps_its_secret(client: Client, store: Store) -> None:
    saved = await client.call("providers.save", **mail())

    changed = await client.call(
        "providers.save",
        **mail(providerId=saved["id"], name="Mail", isEnabled=False, secret=None),
        expectedVersion=1,
    )

    assert changed == saved | {"name": "Mail", "isEnabled": False, "version": 2}
    assert await secret_of(store, saved) == SECRET


@pytest.mark.parametrize(
    "other",
    [
        {"mail": SERVER | {"host": "evil.example"}},
        {"mail": SERVER | {"port": 2525}},
        {"mail": SERVER | {"username": "other"}},
    ],
    ids=["host", "port", "username"],
)
async def test_another_host_is_not_given_the_secret_of_the_one_before(
    client: Client, store: Store, other: dict[str, Any]
) -> None:
    saved = await client.call("providers.save", **mail())

    changed = await client.call(
        "providers.save", **mail(providerId=saved["id"], **other) | {"secret": None}
    )

    assert not changed["hasSecret"]
    assert await secret_of(store, saved) is None


async def test_a_service_keeps_its_secret_at_another_path_and_not_at_another_host(
    client: Client, store: Store
) -> None:
    saved = await client.call("providers.save", **sms(), secret=SECRET)
    given = sms(providerId=saved["id"])

    await client.call("providers.save", **given | {"web": {"url": "https://sms.example/v2"}})
    assert await secret_of(store, saved) == SECRET
    await client.call("providers.save", **given | {"web": {"url": "https://evil.example/v2"}})
    assert await secret_of(store, saved) is None


@pytest.mark.parametrize(
    ("params", "broken"),
    [
        (mail(mail=None), {"mail": "missing"}),
        (sms(web=None), {"web": "missing"}),
        (mail(web=SERVICE), {"web": "other_channel"}),
        (sms(mail=SERVER), {"mail": "other_channel"}),
        (mail(mail=SERVER | {"security": "none"}), {"mail.security": "clear_text"}),
        (sms(web={"url": "http://sms.example/v1"}), {"web.url": "clear_text"}),
        (sms(web={"url": "http://127.0.0.1.evil.example/"}), {"web.url": "clear_text"}),
        (sms(web={"url": "https://[::1"}), {"web.url": "clear_text"}),
        (sms(web={"url": "https://u:p@sms.example/"}), {"web.url": "string_pattern_mismatch"}),
        *(
            (
                sms(web={"url": f"https://sms.example/{blank}"}),
                {"web.url": "string_pattern_mismatch"},
            )
            for blank in (" ", "\x1c", "\x85", "\ufeff")
        ),
        (sms(web={"url": "ftp://sms.example/"}), {"web.url": "string_pattern_mismatch"}),
        (mail() | {"secret": "a\r\nb"}, {"secret": "string_pattern_mismatch"}),
        (sms() | {"secret": "schlüssel"}, {"secret": "header"}),
        (mail(mail=SERVER | {"sender": "Schule<a@b.example>"}), {"mail.sender": "address"}),
        (mail(mail=SERVER | {"sender": "a@b..example"}), {"mail.sender": "address"}),
        (sms() | {"secret": "key "}, {"secret": "header"}),
        (mail(channel="webhook"), {"channel": "enum"}),
    ],
)
async def test_settings_that_cannot_work_or_would_send_in_the_clear_are_refused(
    client: Client, params: dict[str, Any], broken: dict[str, str]
) -> None:
    assert await rules(client, **params) == broken


HERE = ["localhost", "127.0.0.1", "::1"]


def url_of(host: str) -> str:
    return f"http://[{host}]:8080" if ":" in host else f"http://{host}:8080/v1"


@pytest.mark.parametrize("host", HERE)
async def test_a_mail_server_on_this_machine_may_be_spoken_to_in_the_clear(
    client: Client, host: str
) -> None:
    server = SERVER | {"host": host, "security": "none"}

    saved = await client.call("providers.save", **mail(mail=server))

    assert saved["mail"] == server | {"username": "office"}


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        *((url_of(host), "scheme") for host in HERE),
        ("https://localhost/v1", "host"),
        ("https://printer/v1", "host"),
        ("https://10.0.0.7/v1", "host"),
        ("https://[::1]:8443/v1", "host"),
        ("https://169.254.169.254/latest", "host"),
        ("https://2130706433/v1", "host"),
        ("https://sms.example:0/v1", "form"),
        ("https://sms.example/ü", "form"),
    ],
)
async def test_an_address_that_would_be_refused_at_each_send_is_not_saved(
    client: Client, url: str, reason: str
) -> None:
    saved = await client.call("providers.save", **sms())

    for given in ({}, {"providerId": saved["id"]}, {"isEnabled": False}):
        with pytest.raises(CallFailedError) as failed:
            await client.call("providers.save", **sms(web={"url": url}), **given)
        assert (failed.value.symbol, failed.value.details) == ("URL_REFUSED", {"reason": reason})

    assert await client.call("providers.list") == {"items": [saved]}


async def test_a_provider_whose_address_is_refused_by_now_can_still_be_switched_off(
    client: Client, store: Store
) -> None:
    saved = await client.call("providers.save", **sms())
    web = {**saved["web"], "url": "https://10.0.0.7/v1"}
    provider = Provider.model_validate({**saved, "web": web})
    await store.write(lambda work: work.providers.put(provider, None), actor="tests")
    same = {"providerId": saved["id"], "expectedVersion": 1, **sms(web=web)}

    with pytest.raises(CallFailedError, match="URL_REFUSED"):
        await client.call("providers.save", **same)
    switched_off = await client.call("providers.save", **same, isEnabled=False)

    assert switched_off["isEnabled"] is False
    assert switched_off["web"]["url"] == web["url"]


async def test_a_service_may_have_another_port(client: Client) -> None:
    saved = await client.call("providers.save", **sms(web={"url": "https://sms.example:9443/v1"}))

    assert saved["web"]["url"] == "https://sms.example:9443/v1"


@pytest.mark.parametrize("host", HERE)
async def test_for_development_a_service_may_be_on_this_machine(
    clock: FrozenClock, host: str
) -> None:
    outside = OutsideSettings(allow_private=True)
    async with running_app(surroundings=Surroundings(clock=clock), outside=outside) as app:
        await app.open_store()
        saved = await Client(app).call("providers.save", **sms(web={"url": url_of(host)}))

    assert saved["web"]["url"] == url_of(host)


async def test_a_provider_stays_with_its_channel(client: Client) -> None:
    saved = await client.call("providers.save", **sms())

    assert await rules(client, **sms(providerId=saved["id"], channel="payment")) == {
        "channel": "fixed"
    }


async def test_remove_forgets_a_provider_and_its_secret(client: Client, store: Store) -> None:
    saved = await client.call("providers.save", **mail())

    assert (
        await refused(client, "providers.remove", providerId=saved["id"], expectedVersion=7)
        == "VERSION_CONFLICT"
    )
    assert await client.call("providers.remove", providerId=saved["id"]) == {}

    assert await client.call("providers.list") == {"items": []}
    assert await secret_of(store, saved) is None
    assert await refused(client, "providers.remove", providerId=saved["id"]) == "NOT_FOUND"
    assert (await told_of(store, 1))[0][0] == "providers.removed"


async def test_a_test_is_one_message_by_that_provider_though_it_is_not_enabled(
    client: Client, store: Store
) -> None:
    saved = await client.call("providers.save", **mail(isEnabled=False))

    tested = await client.call(
        "providers.test", providerId=saved["id"], recipient="ada@example.org"
    )

    [message] = (await client.call("outbox.list"))["items"]
    assert message["id"] == tested["messageId"]
    assert (message["template"], message["recipient"]) == ("providers.test", "ada@example.org")
    [lease] = await store.write(
        lambda work: work.due.lease(1, room={}, tests_of=["mail"]), actor="tests"
    )
    assert lease.message.via == saved["id"]


@pytest.mark.parametrize(
    ("provider", "recipient", "rule"),
    [
        (mail(), "+4930123456", {"recipient": "channel"}),
        (sms(), "ada@example.org", {"recipient": "channel"}),
        (sms(channel="payment"), "ada@example.org", {"providerId": "untestable"}),
    ],
    ids=["mail", "sms", "payment"],
)
async def test_a_test_wants_a_recipient_that_the_channel_reaches(
    client: Client, provider: dict[str, Any], recipient: str, rule: dict[str, str]
) -> None:
    saved = await client.call("providers.save", **provider)

    with pytest.raises(CallFailedError) as failed:
        await client.call("providers.test", providerId=saved["id"], recipient=recipient)

    assert failed.value.details is not None
    [error] = failed.value.details["errors"]
    assert {error["path"]: error["rule"]} == rule


async def test_providers_are_changed_by_an_owner_who_gave_his_password_just_now(
    app: Application, clock: FrozenClock
) -> None:
    owner = await signed_in(app, Role.OWNER)
    saved = await owner.call("providers.save", **mail())
    clock.advance(FRESH_SECONDS + 1)

    assert await owner.call("providers.list") == {"items": [saved]}
    for channel, params in (
        ("providers.save", mail()),
        ("providers.remove", {"providerId": saved["id"]}),
        ("providers.test", {"providerId": saved["id"], "recipient": "ada@example.org"}),
    ):
        assert await refused(owner, channel, **params) == "PASSWORD_REQUIRED"


async def test_no_answer_event_audit_row_stored_reply_or_message_holds_the_secret(
    client: Client, store: Store
) -> None:
    params = mail(_meta={"idempotencyKey": "k"})
    answers = [await client.call("providers.save", **params) for _ in range(2)]
    answers.append(await client.call("providers.list"))
    await client.call("providers.test", providerId=answers[0]["id"], recipient="ada@example.org")
    answers += [await client.call("outbox.list"), await client.call("audit.list")]

    async def all_rows(work: Any) -> list[str]:
        return [
            repr(tuple(row))
            for shape in await shapes(work.tx)
            if shape.name != "sealed"
            for row in await work.tx.all(f'SELECT * FROM "{shape.name}"')  # noqa: S608 (names from the schema)
        ]

    assert SECRET not in orjson.dumps(answers).decode()
    assert SECRET not in "".join(await store.read(all_rows))
