"""Which addresses may be called."""

import ipaddress
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from rpcbackend.errors import UrlRefusedError
from rpcbackend.outside.adapter import TryAgainError
from rpcbackend.outside.guard import MAX_LENGTH, Guard, Target, is_public

PUBLIC = "93.184.216.34"

NOT_PUBLIC = [
    *("127.0.0.1", "127.255.255.254", "0.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1"),
    *("203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
    "192.88.99.1",
    *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1"),
    *("::ffff:127.0.0.1", "::ffff:93.184.216.34", "::127.0.0.1", "::7f00:1"),
    *("64:ff9b::7f00:1", "64:ff9b::5db8:d822", "64:ff9b:1::7f00:1"),
    *("2002:7f00:1::", "2002:5db8:d822::1", "2001:0:7f00:1::", "2001::1", "2001:db8::1"),
    *("3fff::1", "5f00::1", "100::1", "4000::1"),
]


async def nowhere(name: str) -> list[str]:
    raise AssertionError(f"{name} was looked up")


def leading_to(*addresses: str) -> Guard:
    async def look_up(name: str) -> list[str]:  # noqa: ARG001 (all lead there)
        return list(addresses)

    return Guard(look_up)


guard = Guard(nowhere)


# What somebody wants to save


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://a.example", Target(scheme="https", host="a.example", port=443, target="/")),
        (
            "https://A.Example:8443/Hook?id=1&x=%20",
            Target(scheme="https", host="a.example", port=8443, target="/Hook?id=1&x=%20"),
        ),
        ("https://a.example?x", Target(scheme="https", host="a.example", port=443, target="/?x")),
        (
            "HTTPS://xn--bcher-kva.example/",
            Target(scheme="https", host="xn--bcher-kva.example", port=443, target="/"),
        ),
        (f"https://{PUBLIC}/", Target(scheme="https", host=PUBLIC, port=443, target="/")),
        (
            "https://[2606:2800:220:1::]/",
            Target(scheme="https", host="2606:2800:220:1::", port=443, target="/"),
        ),
    ],
)
def test_a_public_address_is_taken_apart(url: str, target: Target) -> None:
    assert guard.check(url) == target


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        *((f"http://{host}/", "scheme") for host in ("a.example", PUBLIC)),
        *(
            (url, "form")
            for url in (
                "",
                "a.example",
                "//a.example/",
                "ftp://a.example/",
                "file:///etc/passwd",
                "gopher://a.example/",
                "javascript:alert(1)",
                "https:a.example",
                "https:/a.example",
                "https:///a.example",
                "https://",
                "https://user@a.example/",
                "https://user:secret@a.example/",
                "https://a.example@127.0.0.1/",
                "https://a.example\\@127.0.0.1/",
                "https://a.example\\.b.example/",
                "https://a.example#@127.0.0.1/",
                "https://a.example/#x",
                "https://a.example:/",
                "https://a.example:0443/",
                "https://a.example:-1/",
                "https://a.example:443443443/",
                "https://a.example:443:80/",
                "https://a%2eexample/",
                "https://[::1/",
                "https://[93.184.216.34]/",
                "https://[fe80::1%25eth0]/",
                "https://::1/",
                " https://a.example/",
                "https://a.example/\n",
                "https://a.example/ x",
                "https://a.example/\r\nHost: 127.0.0.1",
                "https://a.exa\tmple/",
                "https://a.example/\u0000",
                "https://bücher.example/",
                "https://a。example/",
                "https://①②⑦.0.0.1/",
                "https://\uff4cocalhost/",
                "https://a.example/ü",
                "https://a.example/" + "x" * MAX_LENGTH,
            )
        ),
        *(
            (f"https://{host}/", "host")
            for host in (
                *("localhost", "router", "2130706433", "0x7f000001", "017700000001", "0"),
                *(
                    "127.1",
                    "127.0.1",
                    "0x7f.1",
                    "0177.0.0.1",
                    "127.0.0.0x1",
                    "1.2.3.4.5",
                    "256.1.1.1",
                ),
                *(
                    "a..example",
                    ".a.example",
                    "a.example.",
                    "-a.example",
                    "a-.example",
                    "..",
                    "a.0x",
                ),
                *("a" * 64 + ".example", ".".join(["abcdefgh"] * 40)),
            )
        ),
        *(
            (f"https://[{host}]/" if ":" in host else f"https://{host}/", "host")
            for host in NOT_PUBLIC
            if "%" not in host
        ),
        *((f"https://a.example:{port}/", "port") for port in (22, 25, 80, 444, 8080, 65535, 65536)),
    ],
)
def test_any_other_is_refused_with_the_reason(url: str, reason: str) -> None:
    with pytest.raises(UrlRefusedError) as refused:
        guard.check(url)

    assert refused.value.details == {"reason": reason}


def test_one_that_the_owner_configured_may_have_another_port_and_no_more() -> None:
    assert guard.check("https://a.example:9000/", is_trusted=True).port == 9000
    for url in ("http://a.example/", "https://127.0.0.1/", "https://a.example:99999/"):
        with pytest.raises(UrlRefusedError):
            guard.check(url, is_trusted=True)


def test_for_development_this_machine_may_be_called_without_tls() -> None:
    allowing = Guard(nowhere, allows_private=True)

    assert allowing.check("http://127.0.0.1:8080/x").name == "127.0.0.1:8080"
    assert allowing.check("http://localhost/").port == 80
    assert allowing.check("https://[::1]:9000").name == "[::1]:9000"
    for url in ("ftp://127.0.0.1/", "http://2130706433/", "http://0x7f.1/", "http://u@127.0.0.1/"):
        with pytest.raises(UrlRefusedError):
            allowing.check(url)


# Every character that some parser somewhere takes for more than itself.
parts = some.sampled_from(
    [
        *"abz09.-_~:/?#[]@!$&'()*+,;=%\\ \t\r\n\0\x7f|<>^`{}\"",
        *("http", "https", "://", "//", "%2e", "127.0.0.1", "localhost", "::1", "0x7f"),
        *("a.example", ":443", ":80", "xn--", "。", "ü", "\u200b"),
    ]
)


@given(some.lists(parts, max_size=12).map("".join) | some.text(max_size=40))
@example("127.0.0.1:443/@a.example")
@example("a.example?@127.0.0.1")
def test_what_is_let_through_is_read_by_others_in_the_same_way(rest: str) -> None:
    url = f"https://{rest}"
    try:
        target = guard.check(url)
    except UrlRefusedError:
        return

    other = urlsplit(url)
    assert (other.hostname, other.port or 443) == (target.host, target.port)
    assert (other.username, other.password, other.fragment) == (None, None, "")
    assert ((other.path or "/") + (f"?{other.query}" if other.query else "")).rstrip("?") == (
        target.target.rstrip("?")
    )
    assert url.isascii()
    assert url.isprintable()


@given(some.text() | some.lists(parts, max_size=20).map("".join))
def test_whatever_is_given_is_answered_with_a_target_or_a_refusal(url: str) -> None:
    with suppress(UrlRefusedError):
        assert isinstance(guard.check(url), Target)


# Where a name leads to


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_not_everybody_can_reach_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", [PUBLIC, "1.1.1.1", "2606:4700::1111", "2a00:1450:4001:80b::200e"]
)
def test_any_other_is(address: str) -> None:
    assert is_public(address)


@given(some.ip_addresses(v=6))
def test_no_public_address_carries_another_one(address: ipaddress.IPv6Address) -> None:
    if is_public(str(address)):
        assert address.ipv4_mapped is None
        assert address.sixtofour is None
        assert address.teredo is None
        assert address.is_global


async def test_a_name_is_looked_up_and_every_address_looked_at() -> None:
    assert await leading_to(PUBLIC, "2606:4700::1111").find("a.example") == [
        PUBLIC,
        "2606:4700::1111",
    ]


@pytest.mark.parametrize("address", NOT_PUBLIC)
async def test_one_address_that_is_not_public_is_enough(address: str) -> None:
    with pytest.raises(TryAgainError, match="not public") as failed:
        await leading_to(PUBLIC, address).find("a.example")

    assert failed.value.is_unreached
    assert failed.value.retry_after_seconds == 60


async def test_a_name_without_an_address_may_have_one_later() -> None:
    with pytest.raises(TryAgainError, match="no address"):
        await leading_to().find("a.example")


async def test_an_address_is_not_looked_up() -> None:
    assert await guard.find(PUBLIC) == [PUBLIC]
