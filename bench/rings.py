"""What it costs to ask who calls and whether he may: the same calls with those rings and without.

In one process, in memory, side by side: the two applications take turns, so what the machine does
meanwhile hits both. The channel is one that touches nothing but the rings.
"""

import asyncio
import gc
import json
import sys
import time
from datetime import UTC, datetime
from types import ModuleType

import orjson

from rpcbackend.app import Application
from rpcbackend.clock import SystemClock
from rpcbackend.context import Context
from rpcbackend.dispatch.call import Guard, Rings
from rpcbackend.dispatch.dispatcher import Dispatcher, Sources
from rpcbackend.dispatch.registry import Method, Registry, method
from rpcbackend.ids import Ids
from rpcbackend.middleware.authenticate import authenticate
from rpcbackend.middleware.authorize import authorize
from rpcbackend.middleware.rate_limit import RateLimit
from rpcbackend.resilience.shares import Rates
from rpcbackend.rings import build_rings
from rpcbackend.schema.apikeys import ApiKey
from rpcbackend.schema.base import Empty, NoParams
from rpcbackend.schema.limits import Limits
from rpcbackend.schema.users import Role, User, UserStatus
from rpcbackend.security.api_keys import make_api_key
from rpcbackend.security.roles import Permission
from rpcbackend.security.tokens import issue_access
from rpcbackend.store import StoredSession, Work

CALLS, ROUNDS = 1_000, 40
LIMITS = Limits(query_per_second=1_000_000)
USER_ID = "usr_00000000-0000-7000-8000-000000000001"
SESSION_ID = "ses_00000000-0000-7000-8000-000000000001"
_NOTHING = Empty()


@method("bench.nothing", permission=Permission.LESSONS_READ)
async def nothing(ctx: Context, params: NoParams) -> Empty:  # noqa: ARG001 (touches nothing)
    """Answer at once."""
    return _NOTHING


class Sink:
    """Takes the replies and looks at the last."""

    is_writable = True
    is_backed_up = False

    def __init__(self) -> None:
        self.last = b""
        self.came = asyncio.Event()

    def send(self, line: bytes) -> None:
        """Take a reply."""
        self.last = line
        self.came.set()

    async def writable(self) -> None:
        """Read everything at once."""


def build(*, has_rings: bool) -> Application:
    """Make an application whose only channel does nothing."""
    app = Application(None, limits=LIMITS)
    rings_of = build_rings(LIMITS, RateLimit(LIMITS, Rates()))

    def rings(method: Method, *, has_meta: bool) -> Rings:
        guards, middleware = rings_of(method, has_meta=has_meta)
        if not has_rings:
            guards = [guard for guard in guards if not is_of_access(guard)]
        return Rings(guards, middleware)

    area = ModuleType("bench")
    vars(area)["nothing"] = nothing
    clock = SystemClock()
    app.dispatcher = Dispatcher(
        Registry(area),
        rings=rings,
        observers=(),
        host=app,
        sources=Sources(clock=clock, ids=Ids(clock)),
        limits=LIMITS,
        report_bug=print,
    )
    return app


def is_of_access(guard: Guard) -> bool:
    """Tell whether a guard is one of those that are measured."""
    return guard in (authenticate, authorize) or isinstance(guard, RateLimit)


async def add_user(app: Application) -> list[tuple[str, str]]:
    """Add a clerk with a session and a key, and return what calls may bring along."""
    now = int(time.time())
    at = datetime.fromtimestamp(now, UTC)
    new_key, signing_key = make_api_key(lambda count: b"k" * count), bytes(32)
    user = User(
        id=USER_ID,
        login="clerk",
        roles=[Role.OFFICE],
        linked_person_id=None,
        status=UserStatus.ACTIVE,
        has_mfa=False,
        created_at=at,
        version=1,
    )
    session = StoredSession(
        id=SESSION_ID,
        user_id=USER_ID,
        client="bench",
        audience="stdio",
        created_at=now,
        last_seen_at=now,
        password_at=now,
        family=bytes(16),
        counter=0,
        rotated_at_ms=0,
    )
    key = ApiKey(
        id=new_key.id,
        name="bench",
        scopes=["lessons:read"],
        user_id=USER_ID,
        created_at=at,
        expires_at=datetime.fromtimestamp(now + 86_400, UTC),
        revoked_at=None,
        last_used_at=None,
    )

    async def unit(work: Work) -> None:
        await work.users.put(user)
        await work.sessions.add(session)
        await work.api_keys.add(key, new_key.secret_hash)
        await work.sessions.add_signing_key("k1", "access", signing_key, now)

    await app.store.write(unit, actor="bench")
    token = issue_access(
        key=signing_key,
        kid="k1",
        audience="stdio",
        sub=USER_ID,
        sid=SESSION_ID,
        jti="bench",
        now_ms=now * 1_000,
    )
    return [("token", token), ("API key", new_key.text)]


class Way:
    """One connection and the line that it sends again and again."""

    def __init__(
        self, app: Application, *, session_id: str | None = None, token: str | None = None
    ) -> None:
        self._sink = Sink()
        self._server = app.connect(self._sink)
        self._server.session_id = session_id
        params = {"_meta": {"token": token}} if token else {}
        message = {"jsonrpc": "2.0", "id": 1, "method": "bench.nothing", "params": params}
        self._line = orjson.dumps(message)
        self.seconds: list[float] = []

    async def warm(self) -> None:
        """Let what is looked up once be looked up."""
        self._server.receive(self._line)
        await self._sink.came.wait()
        if b'"result"' not in self._sink.last:
            raise SystemExit(self._sink.last.decode())

    def run(self) -> None:
        """Send it and have it answered, many times."""
        receive, line = self._server.receive, self._line
        started = time.perf_counter()
        for _ in range(CALLS):
            receive(line)
        self.seconds.append((time.perf_counter() - started) / CALLS)


async def main() -> None:
    """Measure every way of coming in, with the rings and without."""
    bare, local, signed_in = build(has_rings=False), build(has_rings=True), build(has_rings=True)
    apps = (bare, local, signed_in)
    for app in apps:
        await app.open_store()
    tokens = await add_user(signed_in)
    ways = {
        "local": (Way(bare), Way(local)),
        "session": (Way(bare), Way(signed_in, session_id=SESSION_ID)),
        **{name: (Way(bare, token=token), Way(signed_in, token=token)) for name, token in tokens},
    }
    turns = [way for pair in ways.values() for way in pair]
    for way in turns:
        await way.warm()
    gc.disable()
    for _ in range(ROUNDS):
        for way in turns:
            way.run()
    report(ways)
    for app in apps:
        await app.close()


def report(ways: dict[str, tuple[Way, Way]]) -> None:
    """Print microseconds for each call, and what the rings add."""
    figures = {}
    print(f"{'':10}{'without':>10}{'with':>10}{'rings':>10}{'ratio':>8}   us per call")
    for name, (without, with_) in ways.items():
        # The fastest round: whatever else the machine did only ever adds.
        bare, full = (min(way.seconds) * 1e6 for way in (without, with_))
        print(f"{name:10}{bare:10.2f}{full:10.2f}{full - bare:10.2f}{full / bare:8.2f}")
        figures[name] = {"without_us": round(bare, 2), "with_us": round(full, 2)}
    if "--json" in sys.argv:
        print(json.dumps(figures))


asyncio.run(main())
