"""Which addresses outside may be called: no web hook leads into the house.

Server-side request forgery: whoever may save an address could have this machine ask what only it
can reach, such as a router or another program on it (OWASP API7:2023, ASVS 5.0 section 1.3.6).
"""

import ipaddress
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from rpcbackend.errors import UrlRefusedError
from rpcbackend.outside.adapter import TryAgainError

MAX_LENGTH: Final = 2_048
PORTS: Final = frozenset({443, 8443})
LAST_PORT: Final = 0xFFFF

# RFC 3986, with what is ambiguous left out: no user, no fragment, no escapes in the host, and only
# ASCII. What does not fit is refused rather than repaired, so nobody can read it in another way.
_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>\[[0-9a-f.]*:[0-9a-f:.]*\]|[a-z0-9._-]+)"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<target>(?:/[a-z0-9._~!$&'()*+,;=:@%/-]*)?(?:\?[a-z0-9._~!$&'()*+,;=:@%/?-]*)?)",
    re.IGNORECASE | re.ASCII,
)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
# What a resolver may take for a number: `2130706433`, `0x7f.1`, `0177.0.0.1` are all 127.0.0.1.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)

_NOT_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.88.99.0/24",  # relays of 6to4
        "2001::/32",  # Teredo: carries an IPv4 address
        "2002::/16",  # 6to4: the same
        "3fff::/20",  # documentation (RFC 9637), which older Pythons call global
    )
)
_UNICAST = ipaddress.ip_network("2000::/3")
"""All of IPv6 that is public lies in it; NAT64, mapped and IPv4-compatible addresses do not."""

DNS_PAUSE_SECONDS: Final = 60.0
"""When to try again if a name leads into the house: it may be the hotel's sign-in page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What an address asks for."""

    scheme: str
    host: str
    """A name, or an IP address without brackets; in lower case."""
    port: int
    target: str
    """Path and query."""

    @property
    def name(self) -> str:
        """Host and port, as figures name it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Guard:
    """Tells which addresses may be called.

    Args:
        look_up: Returns the IP addresses of a name, or raises `TryAgainError`.
        allows_private: Whether http, other ports and this machine may be called too: for
            development, and set by the file of the settings alone.
    """

    def __init__(
        self, look_up: Callable[[str], Awaitable[list[str]]], *, allows_private: bool = False
    ) -> None:
        self._look_up, self._allows_private = look_up, allows_private

    def check(self, url: str, *, is_trusted: bool = False) -> Target:
        """Return what an address asks for; nothing is looked up, so it works offline too.

        Args:
            url: What somebody wants to save, or to call.
            is_trusted: Whether the owner configured it: then it may have another port.

        Raises:
            UrlRefusedError: It may not be called; details has the reason.
        """
        match = _URL.fullmatch(url) if len(url) <= MAX_LENGTH else None
        if match is None:
            raise _refused("form")
        scheme = match["scheme"].lower()
        host = match["host"].lower().strip("[]")
        port = int(match["port"] or (443 if scheme == "https" else 80))
        self._check_way(scheme, port, is_trusted=is_trusted)
        self._check_host(host)
        target = match["target"]
        return Target(
            scheme=scheme,
            host=host,
            port=port,
            target=target if target.startswith("/") else f"/{target}",
        )

    def _check_way(self, scheme: str, port: int, *, is_trusted: bool) -> None:
        if scheme != "https" and not self._allows_private:
            raise _refused("scheme")
        if port > LAST_PORT or not (is_trusted or self._allows_private or port in PORTS):
            raise _refused("port")

    def _check_host(self, host: str) -> None:
        if is_address(host):
            if not self._allows_private and not is_public(host):
                raise _refused("host")
        elif not _is_name(host, needs_dot=not self._allows_private):
            raise _refused("host")

    async def find(self, host: str) -> list[str]:
        """Return the IP addresses of a host, to be connected to and not looked up again.

        Raises:
            TryAgainError: It has none now, or one of them is not public.
        """
        found = [host] if is_address(host) else await self._look_up(host)
        if not found:
            raise TryAgainError("its name has no address", is_unreached=True)
        if not self._allows_private and not all(is_public(address) for address in found):
            raise TryAgainError(
                "its name leads to an address that is not public",
                retry_after_seconds=DNS_PAUSE_SECONDS,
                is_unreached=True,
            )
        return found


_SAYS = {
    "form": "The address is not of the form https://host/path, or too long.",
    "scheme": "The address has to begin with https://.",
    "port": "Only the ports 443 and 8443 may be called.",
    "host": "The address leads to this machine or its network, or names no public host.",
}


def _refused(reason: str) -> UrlRefusedError:
    return UrlRefusedError(_SAYS[reason], details={"reason": reason})


def _is_name(host: str, *, needs_dot: bool) -> bool:
    labels = host.split(".")
    return (
        len(host) <= 253  # noqa: PLR2004 (RFC 1035 section 2.3.4)
        and all(_LABEL.fullmatch(label) for label in labels)
        and _NUMBER.fullmatch(labels[-1]) is None
        and (len(labels) > 1 or not needs_dot)
    )


def is_address(host: str) -> bool:
    """Tell whether it is an IP address as RFC 3986 writes them."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_public(address: str) -> bool:
    """Tell whether everybody can reach an IP address, so that it tells nothing of this house.

    `is_global` alone is not enough: it is true of addresses that carry a private one (NAT64, 6to4).
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if found.version == 6 and found not in _UNICAST:  # noqa: PLR2004 (IPv6)
        return False
    is_special = any(found.version == net.version and found in net for net in _NOT_PUBLIC)
    return found.is_global and not found.is_multicast and not is_special
