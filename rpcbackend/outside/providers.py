"""Who carries what goes outside: plain values, from which an adapter is made."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class MailProvider:
    """A mail server that takes mail by SMTP."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    """`none` sends in the clear, for a server on this machine."""
    sender: str
    """The address that mail comes from."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebProvider:
    """A service that takes text messages or payments by HTTP."""

    url: str
    """Where its API begins."""
    secret: str = field(repr=False)
    """What the service knows the school by; empty if there is none, or it cannot be opened."""
    sender: str = ""
    """What a message says it comes from, where the service asks for it."""


Provider = MailProvider | WebProvider


def fits_header(secret: str) -> bool:
    """Tell whether a key can be sent as `Authorization: Bearer …` (RFC 9110 section 5.5)."""
    return secret.isascii() and secret.isprintable() and secret != "" and secret.strip() == secret
