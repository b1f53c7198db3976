"""Every channel, called by everybody there can be: allowed or refused as the table says."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import orjson
import pytest

from rpcbackend import PROTOCOL_VERSION
from rpcbackend.app import Application
from rpcbackend.lives import DAY
from rpcbackend.methods import build_registry
from rpcbackend.schema.users import Role, UserStatus
from rpcbackend.security import roles
from rpcbackend.security.api_keys import parse_api_key
from rpcbackend.security.feed_tokens import make_feed_token
from rpcbackend.security.roles import GRANTS, SCOPES, Permission, Reach
from rpcbackend.store import Proofs, Store, Work
from rpcbackend.store.outbox import Outbox
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, FrozenClock, running_app
from rpcbackend.transcripts.shelf import Shelf
from tests.access_matrix import MATRIX, Row
from tests.callers import (
    BEGAN,
    NOW,
    add_api_key,
    add_caller,
    add_session,
    key_text,
    token_for,
)
from tests.clauses import clause
from tests.domain.test_feeds import make_feed
from tests.factories import (
    an_id,
    at,
    make_branch,
    make_instructor,
    make_lesson,
    make_payment,
    make_student,
    make_vehicle,
    make_webhook,
)
from tests.jobs.toys import make_job
from tests.people import PASSWORD, be_quick, quick_hash
from tests.store.test_outbox import HELLO
from tests.store.test_providers import make_provider

OTHER = 2
"""The number of the instructor, student and lesson that are nobody's own here; their own have 1."""

STRANGER = 99
"""The number of a user who is none of the callers, of his session and of his API key."""

SECRET = "others@example.org"  # noqa: S105 (a mail address)

PERSON = {
    "branchId": an_id("bra"),
    "givenName": "Eva",
    "familyName": "Braun",
}
FEED_TOKEN = make_feed_token(bytes)
"""Opens the feed of the other instructor, whoever has it."""

SPAN = {"from": "2026-11-24T00:00:00Z", "to": "2026-11-25T00:00:00Z"}

RECORDING = Path(__file__).parent / "transcripts" / "kept" / "a-morning-at-the-desk.jsonl"

PROBES: dict[str, dict[str, Any]] = {
    "apikeys.create": {"name": "x", "scopes": ["lessons:read"]},
    "apikeys.list": {},
    "apikeys.revoke": {"keyId": parse_api_key(key_text(STRANGER)).id},
    "audit.list": {},
    "audit.verify": {},
    "auth.bootstrap": {"login": "eva", "password": "a password of many words"},
    "auth.changePassword": {"currentPassword": PASSWORD, "newPassword": PASSWORD},
    "auth.login": {"login": "nobody", "password": "x"},
    "auth.logout": {"allSessions": True},
    "auth.me": {},
    "auth.mfaEnrol": {},
    "auth.refresh": {"refreshToken": "x"},
    "backups.create": {},
    "backups.list": {},
    "backups.restore": {
        "path": "/nowhere/2026-11-28T06-00-03Z-daily.db",
        "mode": "inspect",
    },
    "backups.verify": {"path": "/nowhere/2026-11-28T06-00-03Z-daily.db"},
    "branches.list": {},
    "branches.save": {
        "branchId": an_id("bra"),
        "name": "Nord",
        "zone": "Europe/Berlin",
        "currency": "EUR",
    },
    "calendar.view": SPAN | {"resourceTypes": ["instructor", "student"]},
    "consents.get": {"studentId": an_id("stu", OTHER)},
    "consents.set": {
        "studentId": an_id("stu", OTHER),
        "purpose": "marketing",
        "channel": "mail",
        "isGranted": True,
        "source": "app",
        "textVersion": "1",
    },
    "events.subscribe": {"afterSeq": 0},
    "exports.start": {"kind": "students", "format": "csv", "path": "/nowhere/students.csv"},
    "feeds.create": {"kind": "instructor", "ownerId": an_id("ins", OTHER)},
    "feeds.list": {},
    "feeds.read": {"token": FEED_TOKEN.text},
    "feeds.revoke": {"feedId": an_id("fed", OTHER)},
    "initialize": {
        "protocolVersion": PROTOCOL_VERSION,
        "client": {"name": "tests", "version": "1"},
    },
    "instructors.list": {},
    "instructors.save": PERSON
    | {"instructorId": an_id("ins", OTHER), "categories": ["B"], "engagement": "employee"},
    "jobs.cancel": {"jobId": an_id("job", OTHER)},
    "jobs.get": {"jobId": an_id("job", OTHER)},
    "jobs.list": {},
    "keys.rekey": {"newDatabaseKey": "A" * 43},
    "lessons.book": {
        "studentId": an_id("stu", OTHER),
        "instructorId": an_id("ins", OTHER),
        "startsAt": "2026-11-25T09:00:00Z",
        "durationMinutes": 90,
    },
    "lessons.cancel": {"lessonId": an_id("les", OTHER), "by": "student", "reasonCode": "other"},
    "lessons.get": {"lessonId": an_id("les", OTHER)},
    "lessons.list": {},
    "lessons.reschedule": {
        "lessonId": an_id("les", OTHER),
        "startsAt": "2026-11-25T09:00:00Z",
    },
    "lessons.searchSlots": SPAN | {"durationMinutes": 90, "studentId": an_id("stu", OTHER)},
    "outbox.list": {},
    "outbox.retry": {"ids": [an_id("msg", OTHER)], "action": "cancel"},
    "payments.createLink": {
        "studentId": an_id("stu", OTHER),
        "amount": {"amount": 4_500, "currency": "EUR"},
        "description": "Fahrstunde",
    },
    "payments.get": {"paymentId": an_id("pay", OTHER)},
    "payments.list": {},
    "payments.retryLink": {"paymentId": an_id("pay", OTHER)},
    "notifications.send": {
        "studentIds": [an_id("stu", OTHER)],
        "template": "message",
        "channel": "mail",
        "values": {"subject": "Hello", "text": "We are back."},
    },
    "ping": {},
    "providers.list": {},
    "providers.remove": {"providerId": an_id("prv", OTHER)},
    "providers.save": {
        "channel": "sms",
        "name": "x",
        "web": {"url": "https://sms.example/v1"},
    },
    "providers.test": {"providerId": an_id("prv", OTHER), "recipient": "ada@example.org"},
    "rpc.discover": {},
    "schedules.list": {},
    "schedules.run": {"name": "upkeep"},
    "schedules.save": {"name": "upkeep"},
    "sessions.list": {},
    "sessions.revoke": {"sessionId": an_id("ses", STRANGER)},
    "shutdown": {},
    "students.create": PERSON | {"bornOn": "2001-01-01"},
    "students.get": {"studentId": an_id("stu", OTHER)},
    "students.list": {},
    "students.transition": {"studentId": an_id("stu", OTHER), "to": "paused"},
    "students.update": {"studentId": an_id("stu", OTHER), "phone": None},
    "system.health": {},
    "system.metrics": {},
    "system.setLogLevel": {"level": "INFO"},
    "system.watch": {},
    "transcripts.inspect": {"name": RECORDING.name},
    "transcripts.list": {},
    "templates.list": {},
    "templates.save": {
        "kind": "message",
        "channel": "sms",
        "language": "en",
        "text": "{text}",
    },
    "users.list": {},
    "users.save": {"login": "eva", "roles": ["student"]},
    "vehicles.list": {},
    "vehicles.save": {
        "vehicleId": an_id("veh"),
        "branchId": an_id("bra"),
        "plate": "B",
        "make": "VW",
        "model": "Golf",
        "categories": ["B"],
        "transmission": "manual",
    },
    "webhooks.list": {},
    "webhooks.receive": {"provider": an_id("prv", OTHER), "headers": {}, "rawBody": "{}"},
    "webhooks.remove": {"webhookId": an_id("whk", OTHER)},
    "webhooks.save": {"url": "https://hooks.example.org/", "types": ["lessons.booked"]},
}
"""What each channel is asked for: a row of the others, where it has rows."""

OF_STRANGER: dict[str, dict[str, Any]] = {
    "auth.changePassword": {"userId": an_id("usr", STRANGER)},
    "sessions.list": {"userId": an_id("usr", STRANGER)},
}
"""What is asked next where nobody's row is named unless one wants to."""

REALLY = {
    "auth.bootstrap",
    "auth.changePassword",
    "auth.logout",
    "auth.mfaEnrol",
}
"""Commands that are not only tried: they refuse that, whoever asks."""

OWN = {"auth.logout", "auth.mfaEnrol"}
"""Commands that name no row: what they do must leave the stranger alone."""

SHOWS: dict[str, str] = {
    "auth.me": an_id("usr", STRANGER),
    "calendar.view": an_id("ins", OTHER),
    "events.subscribe": an_id("les", OTHER),
    "feeds.list": an_id("fed", OTHER),
    "instructors.list": an_id("ins", OTHER),
    "jobs.list": an_id("job", OTHER),
    "lessons.list": an_id("les", OTHER),
    "students.list": an_id("stu", OTHER),
}
"""What is in the answer of those who see all rows, for channels that name no row."""

KEYS = [
    *(frozenset({scope}) for scope in SCOPES),
    frozenset({"students:read", "students:write"}),
    frozenset({"lessons:read", "students:read"}),
    frozenset({"messages:write", "students:read"}),
    frozenset({"ledger:read"}),
]
"""The scopes of API keys: each alone, what belongs together, and one that there is not."""

ENDING = {"auth.logout", "keys.rekey", "shutdown"}
"""Channels after which there is nobody to ask for the next cell."""

ACCESS_ERRORS = {"UNAUTHENTICATED", "SESSION_EXPIRED", "FORBIDDEN", "SCOPE_MISSING"}

Expect = Callable[[Row], str]


@dataclass
class Caller:
    """Somebody who calls, and what he is to expect."""

    name: str
    expect: Expect
    session_id: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    has_users: bool = True


# What to expect


def opens(row: Row) -> bool:
    return row.letters["nobody"] in "Ppf"


def allowed(letter: str) -> str:
    return "FORBIDDEN" if letter == "-" else letter


def opened(row: Row) -> str:
    """Tell what becomes of an open channel once there are users."""
    return "FORBIDDEN" if row.letters["nobody"] == "f" else "A"


def for_role(role: Role) -> Expect:
    return lambda row: allowed(row.letters[role])


def for_key(role: Role, scopes: frozenset[str]) -> Expect:
    def expect(row: Row) -> str:
        if opens(row):
            return opened(row)
        letter = row.letters[role] if any(one <= scopes for one in row.scopes) else "-"
        return "SCOPE_MISSING" if letter == "-" else letter

    return expect


def for_nobody(row: Row) -> str:
    return opened(row) if opens(row) else "UNAUTHENTICATED"


def for_ended_session(row: Row) -> str:
    return opened(row) if opens(row) else "SESSION_EXPIRED"


def for_ended_token(row: Row) -> str:
    return "A" if row.letters["nobody"] == "P" else "SESSION_EXPIRED"


# The school and those who call


def linked(role: Role) -> str | None:
    return {Role.INSTRUCTOR: an_id("ins", 1), Role.STUDENT: an_id("stu", 1)}.get(role)


async def fill(work: Work) -> None:
    """Add one of everything that is own, and one of everything that is not."""
    await work.branches.put(make_branch())
    await work.vehicles.put(make_vehicle())
    await work.jobs.put(make_job(OTHER, actor=an_id("usr", STRANGER)))
    feed = make_feed(id=an_id("fed", OTHER), owner_id=an_id("ins", OTHER))
    await work.feeds.add(feed, FEED_TOKEN.sha256)
    await work.providers.put(make_provider(id=an_id("prv", OTHER), has_secret=False))
    await Outbox(work.tx, work.now_ms, lambda kind: an_id(kind, OTHER)).queue(HELLO)
    for number in (1, OTHER):
        instructor, student, lesson = (an_id(kind, number) for kind in ("ins", "stu", "les"))
        await work.instructors.put(make_instructor(id=instructor, email=SECRET))
        await work.students.put(make_student(id=student, email=SECRET))
        await work.lessons.put(
            make_lesson(id=lesson, instructor_id=instructor, student_id=student, vehicle_id=None)
        )
    await work.payments.add(make_payment(OTHER))
    await work.webhooks.put(make_webhook(OTHER, is_active=False), after_seq=0, secret=None)
    for number in (OTHER, 1):
        await work.record(
            "lessons.booked",
            ("lesson", an_id("les", number), 1),
            {"instructorId": an_id("ins", number), "studentId": an_id("stu", number)},
        )


async def sessions_in(store: Store) -> list[Caller]:
    """Sign in somebody of each role, twice, and some whose time is over."""
    callers = []
    for number, role in enumerate(Role, start=1):
        await add_caller(store, number, role, linked_person_id=linked(role))
        session = await add_session(store, number)
        expect = for_role(role)
        callers.append(Caller(f"{role} in a session", expect, session.id))
        token = await token_for(store, session)
        callers.append(Caller(f"{role} with a token", expect, meta={"token": token}))
        old = await token_for(store, session, now_ms=(NOW - DAY) * 1_000)
        callers.append(Caller(f"{role}, token expired", for_ended_token, meta={"token": old}))
    ended = [
        ("idle too long", {}, {"last_seen_at": NOW - 15 * DAY, "created_at": NOW - 16 * DAY}),
        ("signed in too long ago", {}, {"created_at": NOW - 31 * DAY}),
        ("disabled", {"status": UserStatus.DISABLED}, {}),
    ]
    for number, (name, of_user, of_session) in enumerate(ended, start=20):
        await add_caller(store, number, **of_user)
        session = await add_session(store, number, **of_session)
        callers.append(Caller(name, for_ended_session, session.id))
        token = await token_for(store, session)
        callers.append(Caller(f"{name}, by token", for_ended_token, meta={"token": token}))
    return [*callers, Caller("revoked", for_ended_session, an_id("ses", 88))]


async def api_keys_in(store: Store) -> list[Caller]:
    """Add a key of each role with each scope, one with a scope of nothing, and some that ended."""
    callers = []
    for number, (role, scopes) in enumerate(product(Role, KEYS), start=300):
        await add_caller(store, number, role, linked_person_id=linked(role))
        meta = {"token": await add_api_key(store, number, *sorted(scopes))}
        name = f"key of {role} with {'+'.join(sorted(scopes))}"
        callers.append(Caller(name, for_key(role, scopes), meta=meta))
    ended: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("expired key", {}, {"expires_at": at(BEGAN)}),
        ("revoked key", {}, {"revoked_at": at(BEGAN)}),
        ("key of a disabled user", {"status": UserStatus.DISABLED}, {}),
    ]
    for number, (name, of_user, of_key) in enumerate(ended, start=80):
        await add_caller(store, number, Role.OWNER, **of_user)
        meta = {"token": await add_api_key(store, number, *SCOPES, **of_key)}
        callers.append(Caller(name, for_ended_token, meta=meta))
    return callers


async def add_stranger(store: Store) -> None:
    """Add somebody whose session, key and password others may want to change."""
    await add_caller(store, STRANGER)
    await add_session(store, STRANGER)
    await add_api_key(store, STRANGER, "lessons:read")
    await store.write(give_passwords, actor="tests")


async def give_passwords(work: Work) -> None:
    """Let everybody have a password."""
    for row in await work.tx.all("SELECT id FROM users WHERE school_id = :school"):
        await work.credentials.put(Proofs(user_id=row["id"], password_hash=quick_hash(PASSWORD)))


async def stranger_in(store: Store) -> list[Any]:
    """Return all that the stranger has."""

    async def unit(work: Work) -> list[Any]:
        return [
            await work.users.get(an_id("usr", STRANGER)),
            await work.credentials.get(an_id("usr", STRANGER)),
            await work.sessions.get(an_id("ses", STRANGER)),
            await work.api_keys.live_of(an_id("usr", STRANGER)),
        ]

    return await store.read(unit)


LOCAL = Caller("local", lambda row: allowed(row.letters["local"]), has_users=False)
NOBODY = Caller("nobody", for_nobody)


@asynccontextmanager
async def school(*, has_users: bool = True) -> AsyncIterator[tuple[Application, list[Caller]]]:
    """Run an application with a small school, and return who may call it."""
    recordings = Shelf(RECORDING, build_registry, tuple)
    surroundings = Surroundings(clock=FrozenClock(), recordings=recordings)
    async with running_app(surroundings=surroundings) as app:
        be_quick(app)
        await app.open_store()
        await app.store.write(fill, actor="tests")
        callers = [LOCAL]
        if has_users:
            callers = [NOBODY, *await sessions_in(app.store), *await api_keys_in(app.store)]
            await add_stranger(app.store)
        yield app, callers


async def outcome(app: Application, channel: str, caller: Caller) -> str:
    """Make the call and tell how it was taken: a letter, or the access error."""
    await app.open_store()
    before = await stranger_in(app.store) if channel in OWN else None
    taken = await outcome_of(app, channel, caller, PROBES[channel])
    if channel in OWN and taken == "A":
        return "o" if await stranger_in(app.store) == before else "A"
    if channel in OF_STRANGER and taken not in ACCESS_ERRORS:
        asked = PROBES[channel] | OF_STRANGER[channel]
        return "A" if await outcome_of(app, channel, caller, asked) == "A" else "o"
    return taken


async def outcome_of(app: Application, channel: str, caller: Caller, params: dict[str, Any]) -> str:
    client = Client(app)
    client.server.session_id = caller.session_id
    meta = dict(caller.meta)
    method = build_registry().get(channel)
    assert method is not None
    if method.kind != "query" and method.needs_store and channel not in REALLY:
        meta["dryRun"] = True
    if method.idempotency == "once":
        meta["idempotencyKey"] = "k"
    async with asyncio.timeout(30):
        reply = await client.start(channel, params | {"_meta": meta})
        if "error" in reply:
            symbol = str(reply["error"]["data"]["code"])
            return symbol if symbol in ACCESS_ERRORS else {"NOT_FOUND": "o"}.get(symbol, "A")
        text = orjson.dumps(reply["result"]).decode()
        if channel == "events.subscribe":
            text += await events_until_own(client)
    if SHOWS.get(channel, "") not in text:
        return "o"
    return "r" if channel == "instructors.list" and SECRET not in text else "A"


async def events_until_own(client: Client) -> str:
    """Return the events up to the last, which everybody sees who sees any."""
    lines: list[str] = []
    while not lines or an_id("les", 1) not in lines[-1]:
        lines.append(orjson.dumps(await client.lines.get()).decode())
    return "".join(lines)


# The tests


def test_every_channel_has_its_row_and_its_probe_and_every_row_its_channel() -> None:
    channels = {method.channel for method in build_registry()}

    assert MATRIX.keys() == channels
    assert PROBES.keys() == channels


def test_every_row_says_something_of_everybody() -> None:
    known = {"nobody": "Ppf-", "local": "Ao-", "owner": "Ao-"}
    for channel, row in MATRIX.items():
        assert list(row.letters) == ["nobody", "local", *Role], channel
        assert frozenset().union(*row.scopes) <= SCOPES.keys(), channel
        is_for_first = row.letters["nobody"] == "f"
        assert (row.letters["owner"] == "-") == is_for_first, channel
        for who, letter in row.letters.items():
            assert letter in known.get(who, "Aor-"), (channel, who)


@clause("access-matrix")
@pytest.mark.parametrize("channel", [method.channel for method in build_registry()])
async def test_a_channel_is_open_to_those_of_its_row_and_to_nobody_else(
    channel: str, record_property: Callable[[str, object], None]
) -> None:
    taken, callers = await outcomes(channel)

    assert differences(taken, channel, callers) == {}
    record_property("cells", len(taken))
    assert len(taken) == CELLS


async def outcomes(channel: str) -> tuple[dict[str, str], list[Caller]]:
    """Let everybody make the call; return how each was taken, by name, and all who called."""
    taken: dict[str, str] = {}
    async with school(has_users=False) as (app, [local]):
        taken[local.name] = await outcome(app, channel, local)
    async with school() as (app, callers):
        for caller in callers:
            if channel not in ENDING:
                taken[caller.name] = await outcome(app, channel, caller)
    if channel in ENDING:
        for index, caller in enumerate(callers):
            async with school() as (app, others):
                taken[caller.name] = await outcome(app, channel, others[index])

    return taken, [LOCAL, *callers]


def differences(
    taken: dict[str, str], channel: str, callers: list[Caller]
) -> dict[str, tuple[str, str]]:
    """Return by name who was taken otherwise than the table says: how, and what it says."""
    row = MATRIX[channel]
    return {
        caller.name: (taken[caller.name], caller.expect(row))
        for caller in callers
        if taken[caller.name] != caller.expect(row)
    }


CELLS = 2 + 3 * len(Role) + 2 * 3 + 1 + len(Role) * len(KEYS) + 3
"""Callers of each channel: the two without a user, the roles, those that ended, and the keys."""


# Would it notice?


@pytest.mark.parametrize(
    ("channel", "permission", "noticed"),
    [
        (
            "users.list",
            Permission.SIGNED_IN,
            {
                "office in a session": ("A", "FORBIDDEN"),
                "student with a token": ("A", "FORBIDDEN"),
            },
        ),
        (
            "users.list",
            Permission.STUDENTS_READ,
            {"key of owner with students:read": ("A", "SCOPE_MISSING")},
        ),
        (
            "audit.list",
            Permission.PUBLIC,
            {"nobody": ("A", "UNAUTHENTICATED"), "instructor in a session": ("A", "FORBIDDEN")},
        ),
        (
            "students.transition",
            Permission.STUDENTS_UPDATE,
            {"student in a session": ("o", "FORBIDDEN")},
        ),
        (
            "vehicles.list",
            Permission.VEHICLES_WRITE,
            {"instructor in a session": ("FORBIDDEN", "A")},
        ),
    ],
    ids=["to who signed in", "to a scope", "to everybody", "to own rows", "too closed"],
)
async def test_a_channel_with_another_permission_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
    channel: str,
    permission: Permission,
    noticed: dict[str, tuple[str, str]],
) -> None:
    """A comparison that never fails would prove nothing."""
    real = build_registry().get(channel)
    assert real is not None
    place = f"{real.handler.__module__}.{real.handler.__name__}"
    monkeypatch.setattr(place, replace(real, permission=permission))

    taken, callers = await outcomes(channel)
    found = differences(taken, channel, callers)

    assert noticed.items() <= found.items()
    assert "owner in a session" not in found


async def test_a_role_that_reaches_further_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    grants = dict(GRANTS[Role.INSTRUCTOR]) | {Permission.STUDENTS_READ: Reach.ALL}
    monkeypatch.setattr(roles, "GRANTS", {**GRANTS, Role.INSTRUCTOR: grants})

    taken, callers = await outcomes("students.get")

    assert differences(taken, "students.get", callers) == dict.fromkeys(
        [
            "instructor in a session",
            "instructor with a token",
            "key of instructor with students:read",
            "key of instructor with students:read+students:write",
            "key of instructor with lessons:read+students:read",
            "key of instructor with messages:write+students:read",
        ],
        ("A", "o"),
    )
