"""A certificate for this machine, and who trusts it."""

import ssl
from functools import cache
from typing import NamedTuple

import trustme


class Trust(NamedTuple):
    """Both ends of a connection."""

    server: ssl.SSLContext
    client: ssl.SSLContext
    stranger: ssl.SSLContext
    """Of a server whose certificate nobody vouches for."""


@cache
def make_trust() -> Trust:
    """Make them, once for all tests."""
    authority, other = trustme.CA(), trustme.CA()
    server, stranger = (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) for _ in range(2))
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(server)
    other.issue_cert("localhost", "127.0.0.1").configure_cert(stranger)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return Trust(server, client, stranger)
