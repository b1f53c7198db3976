"""The providers as rows, and their secrets."""

from typing import Any

from rpcbackend.schema.providers import MailServer, Provider, ProviderChannel, WebService
from rpcbackend.store import Command, Store, Work
from rpcbackend.store.changes import Record
from tests.factories import an_id

SECRET = "canary pass"  # noqa: S105 (opens nothing)


def make_provider(**given: Any) -> Provider:
    fields: dict[str, Any] = {
        "id": an_id("prv"),
        "channel": ProviderChannel.MAIL,
        "name": "Office mail",
        "is_enabled": True,
        "priority": 1,
        "mail": MailServer(
            host="mail.example", port=587, security="starttls", sender="office@school.example"
        ),
        "web": None,
        "has_secret": True,
        "version": 1,
    }
    return Provider(**fields | given)


async def put(store: Store, provider: Provider, secret: str | None = None) -> None:
    await store.write(lambda work: work.providers.put(provider, secret), actor="tests")


async def secret_of(store: Store, provider: Provider) -> str | None:
    return await store.read(lambda work: work.providers.secret_of(provider.id))


async def test_providers_come_by_channel_and_priority(store: Store) -> None:
    web = WebService(url="https://sms.example/v1", sender="School")
    first, second = make_provider(id=an_id("prv", 2)), make_provider(priority=2)
    texts = make_provider(
        id=an_id("prv", 3), channel=ProviderChannel.SMS, mail=None, web=web, is_enabled=False
    )
    for provider in (texts, second, first):
        await put(store, provider)

    assert await store.read(lambda work: work.providers.all()) == [first, second, texts]
    assert await store.read(lambda work: work.providers.require(texts.id)) == texts


async def test_a_secret_stays_until_another_one_or_none_is_given(store: Store) -> None:
    provider = make_provider()
    await put(store, provider, SECRET)

    await put(store, provider.model_copy(update={"name": "Mail"}))
    assert await secret_of(store, provider) == SECRET
    await put(store, provider, "another")
    assert await secret_of(store, provider) == "another"
    await put(store, provider.model_copy(update={"has_secret": False}))
    assert await secret_of(store, provider) is None


async def test_a_provider_that_is_removed_leaves_no_secret(store: Store) -> None:
    provider = make_provider()
    await put(store, provider, SECRET)

    await store.write(lambda work: work.providers.remove(provider.id), actor="tests")

    assert await store.read(lambda work: work.providers.all()) == []
    assert await secret_of(store, provider) is None


async def test_the_audit_tells_that_a_secret_is_another_one_and_no_digest_of_it(
    store: Store,
) -> None:
    provider = make_provider()
    changes: list[tuple[Record, str | None, str | None]] = []

    async def unit(work: Work) -> None:
        await work.providers.put(provider, SECRET)
        assert work.tx.changes is not None
        changes.extend(work.tx.changes)

    await store.write(
        lambda work: work.audited(unit, Command(channel="providers.save")), actor="tests"
    )

    told = {record: after for record, _, after in changes}
    assert list(told) == [("provider", provider.id), ("provider secret", provider.id)]
    assert SECRET not in str(told)


async def test_the_sender_is_woken_when_providers_change(store: Store) -> None:
    woken: list[None] = []
    store.on_outgoing.append(lambda: woken.append(None))

    await put(store, make_provider())
    await store.write(lambda work: work.providers.remove(an_id("prv")), actor="tests")

    assert len(woken) == 2
