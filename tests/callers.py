"""Whoever calls: sessions, tokens and API keys, put straight into the store.

Their users are those of tests/people.py by number; who signs in by his password stands there.
"""

from hashlib import sha256
from typing import Any

from rpcbackend.app import Application
from rpcbackend.schema.apikeys import ApiKey
from rpcbackend.schema.users import Role, User
from rpcbackend.security.api_keys import make_api_key, parse_api_key
from rpcbackend.security.tokens import issue_access
from rpcbackend.store import Store, StoredSession, Work
from rpcbackend.testing import Client
from tests.factories import an_id, at
from tests.machine import NOW_MS
from tests.people import make_user

NOW = NOW_MS // 1_000
"""The frozen clock's now, in seconds."""

BEGAN = "2026-11-23T08:00:00Z"
"""The same, as an instant of the wire."""

KID, SIGNING_KEY = "k1", bytes(32)


def make_caller(number: int = 1, *roles: Role, **given: Any) -> User:
    """Make the user of that number; an office clerk unless told otherwise."""
    fields: dict[str, Any] = {
        "id": an_id("usr", number),
        "login": f"user{number}",
        "roles": list(roles) or [Role.OFFICE],
    }
    return make_user(**fields | given)


def make_session(number: int = 1, **given: Any) -> StoredSession:
    """Make the session of the user of that number, begun now with his password."""
    fields: dict[str, Any] = {
        "id": an_id("ses", number),
        "user_id": an_id("usr", number),
        "client": "tests",
        "audience": "stdio",
        "created_at": NOW,
        "last_seen_at": NOW,
        "password_at": NOW,
        "family": number.to_bytes(16, "big"),
        "counter": 0,
        "rotated_at_ms": NOW_MS,
    }
    return StoredSession(**fields | given)


async def add_caller(store: Store, number: int = 1, *roles: Role, **given: Any) -> User:
    """Add a user who is not signed in."""
    user = make_caller(number, *roles, **given)
    await store.write(lambda work: work.users.put(user), actor="tests")
    return user


async def add_session(store: Store, number: int = 1, **given: Any) -> StoredSession:
    """Sign the user of that number in."""
    session = make_session(number, **given)
    await store.write(lambda work: work.sessions.add(session), actor="tests")
    return session


async def connect_as(app: Application, number: int, *roles: Role, **given: Any) -> Client:
    """Return a connection on which a new user of these roles has signed in."""
    await add_caller(app.store, number, *roles, **given)
    return connected(app, await add_session(app.store, number))


def connected(app: Application, session: StoredSession) -> Client:
    """Return a connection on which that session signed in."""
    client = Client(app)
    client.server.session_id = session.id
    return client


async def token_for(
    store: Store, session: StoredSession, *, now_ms: int = NOW_MS, **given: Any
) -> str:
    """Return an access token of the session, signed by a key that the store knows."""

    async def unit(work: Work) -> None:
        if KID not in await work.sessions.signing_keys("access"):
            await work.sessions.add_signing_key(KID, "access", SIGNING_KEY, NOW)

    await store.write(unit, actor="tests")
    fields: dict[str, Any] = {"key": SIGNING_KEY, "kid": KID, "audience": "stdio"}
    return issue_access(
        **fields | given, sub=session.user_id, sid=session.id, jti=session.id, now_ms=now_ms
    )


def key_text(number: int = 1) -> str:
    """Return the API key of that number, as its holder has it."""
    return make_api_key(lambda count: sha256(number.to_bytes(4, "big")).digest()[:count]).text


async def add_api_key(store: Store, number: int, *scopes: str, **given: Any) -> str:
    """Add an API key of the user of that number, and return its text."""
    text = key_text(number)
    presented = parse_api_key(text)
    fields: dict[str, Any] = {
        "id": presented.id,
        "name": "tests",
        "scopes": list(scopes),
        "user_id": an_id("usr", number),
        "created_at": at(BEGAN),
        "expires_at": at("2027-02-21T08:00:00Z"),
        "revoked_at": None,
        "last_used_at": None,
    }
    key = ApiKey(**fields | given)
    await store.write(lambda work: work.api_keys.add(key, presented.secret_hash), actor="tests")
    return text
