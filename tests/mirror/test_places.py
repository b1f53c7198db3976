"""Names and origins, as the settings make them."""

import pytest

from rpcbackend.api_settings import ApiSettings
from rpcbackend.mirror.places import places_of


def test_on_loopback_it_has_the_names_of_the_machine() -> None:
    places = places_of(ApiSettings(), 8750)

    assert places.hosts == {"127.0.0.1:8750", "localhost:8750", "[::1]:8750"}
    assert places.own_origins == {f"http://{host}" for host in places.hosts}
    assert not places.is_encrypted


def test_at_the_usual_port_it_needs_none() -> None:
    assert {"localhost", "localhost:80"} <= places_of(ApiSettings(), 80).hosts


def test_elsewhere_it_has_its_address_and_the_names_that_are_configured() -> None:
    settings = ApiSettings.model_validate(
        {
            "host": "192.0.2.1",
            "protocol": "https",
            "hosts": ["School.Example:443", "school.example"],
            "tls": {"certificate": "/c", "key": "/k"},
        }
    )

    places = places_of(settings, 443)

    assert places.hosts == {"192.0.2.1", "192.0.2.1:443", "school.example:443", "school.example"}
    assert "https://school.example" in places.own_origins
    assert "http://school.example" not in places.own_origins
    assert places.is_encrypted


def test_behind_a_proxy_its_pages_are_those_of_the_public_name_by_tls() -> None:
    settings = ApiSettings(trusted_proxies=("10.0.0.0/8",), hosts=("school.example",))

    places = places_of(settings, 8750)

    assert places.may_call("https://school.example")
    assert not places.may_call("http://school.example")


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "caller"),
    [
        ("10.1.2.3", "192.0.2.7", "192.0.2.7"),
        ("10.1.2.3", "10.9.9.9, 192.0.2.7", "192.0.2.7"),
        ("10.1.2.3", "2001:db8::1", "2001:db8::1"),
        ("10.1.2.3", None, "10.1.2.3"),
        ("10.1.2.3", "", None),
        ("10.1.2.3", "unknown", None),
        ("192.0.2.9", "192.0.2.7", None),
        ("", None, None),
    ],
)
def test_a_proxy_says_who_calls_and_nobody_else_does(
    peer: str, forwarded_for: str | None, caller: str | None
) -> None:
    settings = ApiSettings(trusted_proxies=("10.0.0.0/8",), hosts=("school.example",))

    assert places_of(settings, 8750).caller(peer, forwarded_for) == caller


def test_without_proxies_the_peer_calls() -> None:
    assert places_of(ApiSettings(), 8750).caller("192.0.2.9", "192.0.2.7") == "192.0.2.9"
