"""Who is calling: sessions, tokens and API keys turned into principals, remembered until changed.

This process is the only one that writes to its store, so what was read once holds until a commit
changes a user, a session or a key; then everything is forgotten, before that commit is answered.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from rpcbackend.clock import Clock
from rpcbackend.errors import RateLimitedError, SessionExpiredError, UnauthenticatedError
from rpcbackend.lives import (
    AHEAD_SECONDS,
    SETTLED_AHEAD_SECONDS,
    Live,
    live_api_key,
    live_session,
)
from rpcbackend.resilience.gcra import Gcra
from rpcbackend.rpc_error import RpcError
from rpcbackend.schema.users import User
from rpcbackend.security.api_keys import is_same_secret, parse_api_key
from rpcbackend.security.principal import LOCAL, NOBODY, Principal
from rpcbackend.security.signing import Signing
from rpcbackend.security.tokens import (
    LEEWAY_SECONDS,
    Audience,
    TokenFault,
    TokenRefusedError,
    verify_access,
)
from rpcbackend.store import Store, StoredApiKey, StoredSession, Work

TOUCH_SECONDS = 60
"""The store learns this often that a session or key is used."""

BAD_PER_SECOND, BAD_BURST = 5, 20
"""Tokens and keys that are none of ours, from one source, before no new ones are looked up."""

MAX_REMEMBERED = 1_000
"""Tokens and keys whose look-up is remembered."""


class Caller(Protocol):
    """The connection a call came by."""

    audience: Audience
    session_id: str | None
    """Whoever signed in here, in this session."""

    source: str
    """Whose wrong passwords and tokens count together."""

    @property
    def id(self) -> str:
        """Tells connections of one process apart."""
        ...

    @property
    def is_desk(self) -> bool:
        """Whether the program at the other end is the one that started us."""
        ...


class Access:
    """Tells who calls.

    Args:
        clock: Judges what has expired.
        over_http: How the tokens of the mirror are signed.
    """

    def __init__(self, clock: Clock, over_http: Signing | None = None) -> None:
        self._clock = clock
        self._signings: dict[Audience, Signing] = {
            "stdio": Signing(),
            "http": over_http or Signing(),
        }
        self._store: Store | None = None
        self._latest = 0, 0.0
        self._generation = 0
        self._waiting: Counter[str] = Counter()
        self._looking: dict[str, asyncio.Lock] = {}
        self._bad = Gcra(BAD_PER_SECOND, BAD_BURST)
        self._has_users: bool | None = None
        self._keys: Mapping[str, bytes] = {}
        self._sessions: dict[str, Live] = {}
        self._tokens: dict[tuple[str, Audience], tuple[str, int]] = {}
        self._api_keys: dict[str, Live] = {}
        self._touching: set[asyncio.Task[None]] = set()

    def signing(self, audience: Audience) -> Signing:
        """Return how the tokens of a door are signed."""
        return self._signings[audience]

    def now(self) -> int:
        """Unix seconds; see `now_ms`."""
        return self.now_ms() // 1_000

    def now_ms(self) -> int:
        """Unix milliseconds that never go back nor stand still, whatever is done to the clock.

        After it was set back they go on from the latest time there was, as fast as time passes.
        """
        # Read and set in one step: units ask on their threads.
        latest_ms, latest_at = self._latest
        now_ms = latest_ms + int((self._clock.monotonic() - latest_at) * 1_000)
        wall_ms = self._clock.now_ms()
        if wall_ms >= now_ms:
            self._go_on_from(wall_ms)
            return wall_ms
        return now_ms

    def _go_on_from(self, now_ms: int) -> None:
        self._latest = now_ms, self._clock.monotonic()

    def known(self, caller: Caller, token: str | None, *, is_use: bool = True) -> Principal | None:
        """Return who calls if that is remembered, else None; costs no hop to the database.

        Args:
            caller: The connection of the call.
            token: The access token or API key that came with it.
            is_use: False only looks: the session goes on being idle.
        """
        # Calls that come later must not overtake those who wait: writes keep their order.
        if is_use and caller.id in self._waiting:
            return None
        return self._recall(caller, token, is_use=is_use)

    def _recall(self, caller: Caller, token: str | None, *, is_use: bool) -> Principal | None:
        if self._has_users is None:
            return None
        if token is None:
            if caller.session_id is None:
                return LOCAL if caller.is_desk and not self._has_users else NOBODY
            return self._use(self._sessions.get(caller.session_id), is_use=is_use)
        if (key := self._api_keys.get(token)) is not None:
            return self._use(key, is_use=is_use)
        session_id, refused_at = self._tokens.get((token, caller.audience), ("", 0))
        if self.now() >= refused_at:
            return None
        return self._use(self._sessions.get(session_id), is_use=is_use)

    async def identify(
        self, store: Store, caller: Caller, token: str | None, *, is_use: bool = True
    ) -> Principal:
        """Return who calls; the arguments are those of `known`.

        Raises:
            UnauthenticatedError: The token or API key is none of ours.
            SessionExpiredError: The time of the token, the key or the session is over.
            RateLimitedError: Too many tokens of this source were none of ours.
        """
        self._turn_to(store)
        # Order matters within one connection: none waits for what another one must have looked up.
        self._waiting[caller.id] += 1
        try:
            async with self._looking.setdefault(caller.id, asyncio.Lock()):
                if is_use:
                    self._check_bad(caller, token)
                return await self._look_up(store, caller, token, is_use=is_use)
        except UnauthenticatedError:
            self._bad.take(caller.source, self._clock.monotonic())
            raise
        finally:
            self._waiting[caller.id] -= 1
            if not self._waiting[caller.id]:
                del self._waiting[caller.id], self._looking[caller.id]

    async def learn_time(self, store: Store) -> None:
        """Let `now_ms` go on from the latest time that the store knows of."""
        self._turn_to(store)
        while self._has_users is None:
            await self._learn(store)

    async def has_users(self, store: Store) -> bool:
        """Tell whether there is anybody who can sign in; while there is nobody, the desk is all."""
        await self.learn_time(store)
        return bool(self._has_users)

    def _turn_to(self, store: Store) -> None:
        if store is not self._store:
            self._forget()
            self._store = store
            store.on_access_change.append(self._forget)

    def _check_bad(self, caller: Caller, token: str | None) -> None:
        wait = self._bad.wait(caller.source, self._clock.monotonic())
        if wait > 0 and token is not None and self._recall(caller, token, is_use=False) is None:
            raise RateLimitedError(retry_after_ms=math.ceil(round(wait * 1_000, 3)))

    async def _look_up(
        self, store: Store, caller: Caller, token: str | None, *, is_use: bool
    ) -> Principal:
        while (principal := self._recall(caller, token, is_use=is_use)) is None:
            if self._has_users is None:
                await self._learn(store)
            elif token is None:
                await self._learn_session(store, caller.session_id or "")
            elif token.startswith("rpk_"):
                await self._learn_api_key(store, token)
            else:
                session_id = self._verify(token, caller.audience)
                await self._learn_session(store, session_id)
        return principal

    def _forget(self) -> None:
        self._generation += 1
        self._has_users = None
        for remembered in (self._sessions, self._tokens, self._api_keys):
            remembered.clear()

    def _verify(self, token: str, audience: Audience) -> str:
        """Return the session of an access token, and remember it."""
        signing = self._signings[audience]
        try:
            access = verify_access(
                token,
                keys={kid: signing.key_of(key) for kid, key in self._keys.items()},
                audience=audience,
                now_ms=self.now() * 1_000,
                life_seconds=signing.life_seconds,
            )
        except TokenRefusedError as refused:
            if refused.fault is TokenFault.EXPIRED:
                raise SessionExpiredError("The token has expired; refresh it.") from None
            raise UnauthenticatedError("The token is not valid.") from None
        _make_room(self._tokens)
        # Verified until then too: to remember it for less would be to verify it without end.
        self._tokens[token, audience] = access.sid, access.exp + LEEWAY_SECONDS
        return access.sid

    # What is read from the store is kept only if nothing was changed and forgotten meanwhile.

    async def _learn(self, store: Store) -> None:
        async def unit(work: Work) -> tuple[bool, dict[str, bytes], int]:
            settled, now = await work.latest_time.get(), self.now()
            if now < settled <= now + SETTLED_AHEAD_SECONDS:
                now = settled
            seen = await work.sessions.last_seen(at_most=now + AHEAD_SECONDS)
            missed_ms = await work.credentials.last_miss_ms(at_most=(now + AHEAD_SECONDS) * 1_000)
            return (
                await work.users.any(),
                await work.sessions.signing_keys("access"),
                max(now * 1_000, seen * 1_000, missed_ms),
            )

        generation = self._generation
        has_users, keys, latest_ms = await store.read(unit)
        if generation == self._generation:
            self._has_users, self._keys = has_users, keys
            if latest_ms > self.now_ms():
                self._go_on_from(latest_ms)

    async def _learn_session(self, store: Store, session_id: str) -> None:
        async def unit(work: Work) -> tuple[StoredSession, User] | None:
            session = await work.sessions.get(session_id)
            user = await work.users.get(session.user_id) if session else None
            return (session, user) if session and user else None

        generation = self._generation
        found = await store.read(unit)
        if generation != self._generation:
            return
        live = live_session(*found, self.now()) if found else None
        if live is None or self._use(live, is_use=False) is None:
            raise SessionExpiredError
        _make_room(self._sessions)
        self._sessions[session_id] = live

    async def _learn_api_key(self, store: Store, token: str) -> None:
        try:
            presented = parse_api_key(token)
        except TokenRefusedError:
            raise UnauthenticatedError("The API key is not valid.") from None

        async def unit(work: Work) -> tuple[StoredApiKey, User] | None:
            stored = await work.api_keys.get(presented.id)
            user = await work.users.get(stored.key.user_id) if stored else None
            return (stored, user) if stored and user else None

        generation = self._generation
        found = await store.read(unit)
        if generation != self._generation:
            return
        if found is None or not is_same_secret(presented, found[0].secret_sha256):
            raise UnauthenticatedError("The API key is not valid.")
        live = live_api_key(found[0].key, found[1])
        if live is None or self._use(live, is_use=False) is None:
            raise SessionExpiredError("The API key is over; make a new one.")
        _make_room(self._api_keys)
        self._api_keys[token] = live

    def _use(self, live: Live | None, *, is_use: bool) -> Principal | None:
        """Return the principal if it is still good, and note a use."""
        now = self.now()
        if live is None or now >= live.good_until:
            return None
        if is_use:
            live.last_seen_at = now
            if now >= live.touched_at + TOUCH_SECONDS:
                self._touch(live)
        return live.principal

    def _touch(self, live: Live) -> None:
        """Let the store know, beside the call: that it is used decides nothing about it."""
        if self._store is None:
            return
        live.touched_at = now = live.last_seen_at
        principal = live.principal

        async def unit(work: Work) -> None:
            if principal.session_id is not None:
                await work.sessions.touch(principal.session_id, now)
            else:
                await work.api_keys.touch(principal.actor.removeprefix("key_"), now)

        task = asyncio.get_running_loop().create_task(_quietly(self._store, unit))
        # The loop keeps only weak references to its tasks.
        self._touching.add(task)
        task.add_done_callback(self._touching.discard)

    async def settle(self) -> None:
        """Let the store know of every use, and wait for it; before it closes."""
        for live in (*self._sessions.values(), *self._api_keys.values()):
            if live.last_seen_at > live.touched_at:
                self._touch(live)
        await self.noted()

    async def noted(self) -> None:
        """Wait until the store knows of the uses that it is being told of."""
        if self._touching:
            await asyncio.wait(self._touching)


async def _quietly(store: Store, unit: Callable[[Work], Awaitable[None]]) -> None:
    # On a full disk the session is still good; who calls hears of the disk by other ways.
    with suppress(RpcError):
        await store.write(unit, actor="access")


def _make_room(remembered: dict[Any, Any]) -> None:
    if len(remembered) >= MAX_REMEMBERED:
        remembered.clear()
