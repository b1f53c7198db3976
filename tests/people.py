"""Users of every role, signed in quickly: argon2 is tested where it stands, and stood for here."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from rpcbackend.app import Application
from rpcbackend.hashing import Hashing
from rpcbackend.schema.limits import Limits
from rpcbackend.schema.users import Role, User, UserStatus
from rpcbackend.security.totp import STEP_MS, code_at
from rpcbackend.store import Proofs, Work
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, FrozenClock, running_app
from tests.factories import an_id, at

PASSWORD = "korrekt pferd batterie"  # noqa: S105 (opens test stores)
"""Everybody's, until a test changes it."""
OTHER_PASSWORD = "vier linke handschuhe"  # noqa: S105 (opens test stores)
"""What a test changes it to, or what does not fit."""
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # noqa: S105 (opens test stores)
"""Everybody's authenticator."""

NUMBERS = {role: number for number, role in enumerate(Role, start=1)}


class QuickHashing(Hashing):
    """Stands for argon2: hashes that hide nothing, and counts of what was asked."""

    def __init__(self) -> None:
        super().__init__(os.urandom)
        self.verified: list[str | None] = []
        """What passwords were compared with, in order."""
        self.on_verify: Callable[[], None] = lambda: None
        """Happens while a password is compared."""
        self.weak = False
        """Whether the hashes of now count as made with weaker parameters."""

    async def hash(self, text: str) -> str:
        """Return what only `verify` understands."""
        return quick_hash(text) + "'" * self.weak

    async def verify(self, phc: str | None, text: str) -> bool:
        """Tell whether it is the password, and count."""
        self.verified.append(phc)
        self.on_verify()
        return phc is not None and phc.rstrip("'") == quick_hash(text)

    def needs_rehash(self, phc: str) -> bool:
        """Tell what the test wants."""
        return self.weak and not phc.endswith("'")


class HeldHashing(QuickHashing):
    """Compares a password when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.goes_on = asyncio.Event(), asyncio.Event()

    async def verify(self, phc: str | None, text: str) -> bool:
        """Tell whether it is the password, once `goes_on` is set."""
        self.begun.set()
        await self.goes_on.wait()
        return await super().verify(phc, text)


@asynccontextmanager
async def app_for_people(clock: FrozenClock) -> AsyncIterator[Application]:
    """Run an application in memory where signing in is quick and nobody tries too often."""
    bugs: list[Exception] = []
    surroundings = Surroundings(clock=clock, report_bug=lambda bug, _: bugs.append(bug))
    async with running_app(surroundings=surroundings, limits=Limits(auth_per_minute=1_000)) as app:
        be_quick(app)
        await app.open_store()
        yield app
    if bugs:
        raise bugs[0]


def be_quick(app: Application) -> QuickHashing:
    """Let passwords cost nothing from now on, and return what counts them."""
    if not isinstance(app.hashing, QuickHashing):
        app.hashing.close()
        app.hashing = QuickHashing()
    return app.hashing


def quick_hash(text: str) -> str:
    """Return what QuickHashing takes for the hash of a password."""
    return f"quick${text}"


def make_user(**given: Any) -> User:
    """Make an owner unless his roles are given too."""
    fields: dict[str, Any] = {
        "id": an_id("usr"),
        "login": "owner",
        "roles": [Role.OWNER],
        "linked_person_id": None,
        "status": UserStatus.ACTIVE,
        "has_mfa": False,
        "created_at": at("2026-11-23T08:00:00Z"),
        "version": 1,
    }
    return User(**fields | given)


async def add_user(app: Application, user: User, **proofs: Any) -> User:
    """Add a user whose password is PASSWORD, and let passwords cost nothing from now on."""
    be_quick(app)

    async def unit(work: Work) -> None:
        await work.users.put(user)
        fields: dict[str, Any] = {"password_hash": quick_hash(PASSWORD)}
        await work.credentials.put(Proofs(user_id=user.id, **fields | proofs))

    await app.open_store()
    await app.store.write(unit, actor="tests")
    return user


async def add_role(app: Application, role: Role, person_id: str | None = None) -> User:
    """Add a user of that role, who is called like it."""
    return await add_user(
        app,
        make_user(
            id=an_id("usr", NUMBERS[role]),
            login=role.value,
            roles=[role],
            linked_person_id=person_id,
        ),
    )


async def sign_in(app: Application, login: str = "owner", /, **given: Any) -> Client:
    """Return a new connection on which that user is signed in."""
    client = Client(app)
    await log_in(client, login, **given)
    return client


async def log_in(client: Client, login: str = "owner", /, **given: Any) -> dict[str, Any]:
    """Sign in on a connection."""
    return await client.call("auth.login", **{"login": login, "password": PASSWORD} | given)


async def signed_in(app: Application, role: Role, person_id: str | None = None) -> Client:
    """Add a user of that role and return a connection on which he is signed in.

    Whoever comes first must be an owner, or there is none.
    """
    return await sign_in(app, (await add_role(app, role, person_id)).login)


def code_now(clock: FrozenClock, step: int = 0) -> str:
    """Return what everybody's authenticator shows, now or so many steps from now."""
    return code_at(SECRET, clock.now_ms() // STEP_MS + step)


async def refused(client: Client, channel: str, /, **params: Any) -> str:
    """Make a call that must fail, and return the symbol of its error."""
    with pytest.raises(CallFailedError) as failed:
        await client.call(channel, **params)
    return failed.value.symbol


def with_token(token: str) -> dict[str, Any]:
    """Return the option that makes a call in the name of a token."""
    return {"_meta": {"token": token}}
