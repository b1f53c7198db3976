"""By which names and origins the mirror may be called: exact lists, made once."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rpcbackend.api_settings import ApiSettings

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

PAGES = ("/", "/docs", "/desk/")
"""Whoever follows a link may come here: they hold nobody's data."""

FEEDS = "/feeds/"
"""And here: whoever has the address of a feed may read it, and no other page knows it."""

_BY_LINK = ("navigate", "document")
"""In a window of its own, and in no frame."""

_ELSEWHERE = ("cross-site", "same-site")
"""Another port of the same host is the same site."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What `Host` and `Origin` may be, and who may forward for others."""

    hosts: frozenset[str]
    own_origins: frozenset[str]
    other_origins: frozenset[str]
    """Pages that the configuration names."""
    proxies: Sequence[Network]
    is_encrypted: bool
    """Whether callers reach it by TLS, its own or a proxy's."""

    def may_call(self, origin: str) -> bool:
        """Tell whether a page of this origin may call."""
        return origin in self.own_origins or origin in self.other_origins

    def caller(self, peer: str, forwarded_for: str | None) -> str | None:
        """Return the address of the caller, or None if the peer may not speak for anybody.

        Of a list, which any caller may begin, only the last entry is the proxy's own.
        """
        if not self.proxies:
            return peer
        if not self._is_proxy(peer):
            return None
        if forwarded_for is None:
            return peer
        try:
            return str(ipaddress.ip_address(forwarded_for.rpartition(",")[2].strip()))
        except ValueError:
            return None

    def _is_proxy(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self.proxies)


def places_of(settings: ApiSettings, port: int) -> Places:
    """Return the places of a mirror that listens on *port*."""
    names = _LOOPBACK if settings.is_loopback else (_bracketed(settings.host),)
    listed = tuple(host.lower() for host in settings.hosts)
    own = {f"{name}:{port}" for name in names}
    if port == _DEFAULT_PORTS[settings.protocol]:
        own |= set(names)
    is_encrypted = settings.protocol == "https" or bool(settings.trusted_proxies)
    scheme = "https" if is_encrypted else "http"
    return Places(
        hosts=frozenset(own | set(listed)),
        own_origins=frozenset(
            {f"{settings.protocol}://{host}" for host in own}
            | {f"{scheme}://{host}" for host in listed}
        ),
        other_origins=frozenset(origin.lower() for origin in settings.cors.origins),
        proxies=tuple(ipaddress.ip_network(proxy) for proxy in settings.trusted_proxies),
        is_encrypted=is_encrypted,
    )


def is_of_another_site(method: str, path: str, headers: Mapping[str, str]) -> bool:
    """Tell whether a browser asks for the page of another site, other than by a link to ours.

    As far as it says so (W3C, "Fetch Metadata Request Headers"): old ones and programs do not.
    """
    if headers.get("sec-fetch-site") not in _ELSEWHERE:
        return False
    is_followed = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == _BY_LINK
    return not (is_followed and method == "GET" and (path in PAGES or path.startswith(FEEDS)))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host.lower()
