"""Who carries the messages of a channel, in which order, and by which settings."""

from dataclasses import replace

import pytest

from rpcbackend.outside.channels import ByProvider, Carriers, Direct
from rpcbackend.outside.providers import MailProvider, WebProvider
from rpcbackend.schema.providers import MailServer, Provider, ProviderChannel, WebService
from rpcbackend.store import Message
from tests.factories import an_id
from tests.outside.carrying import Hosts
from tests.store.test_outbox import HELLO
from tests.store.test_providers import make_provider


def mail(number: int, **given: object) -> Provider:
    server = MailServer(
        host=f"host{number}", port=25, security="tls", sender="a@b.example", username="u"
    )
    return make_provider(id=an_id("prv", number), mail=server, priority=number, **given)


def names(carriers: Carriers, message: Message = HELLO) -> list[str | None]:
    return [carrier.provider_id for carrier in carriers.of(message)]


@pytest.fixture
def hosts() -> Hosts:
    return Hosts()


@pytest.fixture
def carriers(hosts: Hosts) -> Carriers:
    return Carriers(hosts.channels())


async def test_the_enabled_ones_of_a_channel_carry_it_by_priority(carriers: Carriers) -> None:
    text = make_provider(
        id=an_id("prv", 9),
        channel=ProviderChannel.SMS,
        mail=None,
        web=WebService(url="https://sms.example"),
    )
    await carriers.renew([(mail(1, is_enabled=False), None), (mail(2), None), (mail(3), None)])
    assert names(carriers) == [an_id("prv", 2), an_id("prv", 3)]
    assert carriers.is_on("mail")

    await carriers.renew([(mail(1, is_enabled=False), None), (text, None)])
    assert names(carriers) == []
    assert (carriers.is_on("mail"), carriers.is_on("webhook")) == (False, True)


async def test_what_one_may_have_goes_by_him_while_he_carries_anything(carriers: Carriers) -> None:
    pinned = replace(HELLO, via=an_id("prv", 2))
    await carriers.renew([(mail(1), None), (mail(2), None)])
    assert names(carriers, pinned) == [an_id("prv", 2)]

    await carriers.renew([(mail(1), None), (mail(2, is_enabled=False), None)])
    assert names(carriers, pinned) == [an_id("prv", 1)]


async def test_a_test_goes_by_its_provider_alone_enabled_or_not(carriers: Carriers) -> None:
    test = replace(HELLO, via=an_id("prv", 2), template="providers.test")
    await carriers.renew([(mail(1), None), (mail(2, is_enabled=False), None)])
    assert names(carriers, test) == [an_id("prv", 2)]

    await carriers.renew([(mail(1), None)])
    assert names(carriers, test) == []


async def test_an_adapter_is_made_once_and_anew_when_its_settings_change(
    hosts: Hosts, carriers: Carriers
) -> None:
    await carriers.renew([(mail(1), "pass"), (mail(2), None)])
    for _ in range(2):
        carriers.of(HELLO)
    assert hosts["host1"].made == [
        MailProvider(
            host="host1",
            port=25,
            security="tls",
            sender="a@b.example",
            username="u",
            password="pass",  # noqa: S106 (opens nothing)
        )
    ]
    assert carriers.is_known([mail(1), mail(2)])
    assert not carriers.is_known([mail(1), mail(2, version=2)])

    await carriers.renew([(mail(1, version=2), "other"), (mail(2), None)])

    assert (hosts["host1"].closed, hosts["host2"].closed) == (1, 0)
    carriers.of(HELLO)
    assert [each.password for each in hosts["host1"].made] == ["pass", "other"]
    await carriers.close()
    assert (hosts["host1"].closed, hosts["host2"].closed) == (2, 1)


async def test_a_service_is_spoken_to_as_its_settings_say() -> None:
    hosts = Hosts()
    carriers = Carriers({"sms": ByProvider(hosts.of), "webhook": Direct(lambda: hosts["w"])})
    text = make_provider(
        channel=ProviderChannel.SMS,
        mail=None,
        web=WebService(url="https://sms.example", sender="School"),
    )
    await carriers.renew([(text, "key")])

    carriers.of(replace(HELLO, channel="sms"))
    carriers.of(replace(HELLO, channel="webhook"))

    assert hosts["https://sms.example"].made == [
        WebProvider(url="https://sms.example", secret="key", sender="School")  # noqa: S106 (opens nothing)
    ]


async def test_an_adapter_that_cannot_be_closed_holds_up_nobody(
    hosts: Hosts, carriers: Carriers, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise OSError

    await carriers.renew([(mail(1), None), (mail(2), None)])
    carriers.of(HELLO)
    monkeypatch.setattr(hosts["host1"], "close", fail)

    await carriers.close()

    assert hosts["host2"].closed == 1
