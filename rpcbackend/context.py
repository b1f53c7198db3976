"""What a handler is given: the store, the clock, ids, and the call's own options."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from rpcbackend.access import Access, Caller
from rpcbackend.backups import Shelf
from rpcbackend.clock import Clock
from rpcbackend.errors import (
    ForbiddenError,
    PasswordRequiredError,
    ScopeMissingError,
    UnauthenticatedError,
)
from rpcbackend.hashing import Hashing
from rpcbackend.ids import Ids
from rpcbackend.lives import confirm
from rpcbackend.monitor import LogLevels, Monitor
from rpcbackend.once import DoneBeforeError, once
from rpcbackend.post import Post
from rpcbackend.protocol.codec import Json
from rpcbackend.recordings import Recordings
from rpcbackend.running import Jobs
from rpcbackend.schema.base import ModelT
from rpcbackend.schema.lifecycle import Initialize, Initialized
from rpcbackend.schema.meta import CallMeta
from rpcbackend.schema.system import Health
from rpcbackend.security.principal import NOBODY, Principal
from rpcbackend.security.roles import Permission
from rpcbackend.standing import Standing, sight_by
from rpcbackend.store import (
    Command,
    Keyed,
    Origin,
    Report,
    Sight,
    Store,
    StoredReply,
    Verdict,
    Work,
)

T = TypeVar("T")

FRESH_SECONDS = 5 * 60
"""How long a password counts as just given."""


class Feed(Protocol):
    """Sends notifications until it is stopped."""

    async def run(self) -> None:
        """Send until stopped."""
        ...

    def stop(self) -> None:
        """Make `run` return soon."""
        ...


class Connection(Caller, Protocol):
    """The caller's end of the wire."""

    @property
    def id(self) -> str:
        """Tells connections of one process apart."""
        ...

    def notify(self, method: str, params: Mapping[str, Json] | bytes) -> None:
        """Send a notification."""
        ...

    @property
    def is_writable(self) -> bool:
        """Whether the peer has read most of what it was sent."""
        ...

    async def writable(self) -> None:
        """Wait until the peer has read most of what it was sent."""
        ...

    def subscribe(self, feed: Feed, what: str = "event") -> None:
        """Keep *feed* running until the connection ends, in the place of the one before."""
        ...

    def unsubscribe(self, what: str) -> None:
        """Stop the feed of this kind, if there is one."""
        ...

    def entrust(self, capability: str) -> None:
        """Keep main-only channels for whoever knows the capability.

        Raises:
            ForbiddenError: Another one was named before.
        """
        ...

    def is_main(self, capability: str | None) -> bool:
        """Tell whether a call that brings this capability comes from the main process."""
        ...


class Host(Protocol):
    """The process around the handlers."""

    @property
    def access(self) -> Access:
        """Tells who calls."""
        ...

    @property
    def hashing(self) -> Hashing:
        """Hashes and verifies passwords."""
        ...

    @property
    def backups(self) -> Shelf:
        """Knows which backups there are."""
        ...

    @property
    def jobs(self) -> Jobs:
        """Runs what goes on after its call was answered."""
        ...

    @property
    def log_levels(self) -> LogLevels:
        """Tells from which level on the log is written, and changes that."""
        ...

    @property
    def monitor(self) -> Monitor:
        """Knows the figures of this process."""
        ...

    @property
    def post(self) -> Post:
        """Sends what is in the outbox."""
        ...

    @property
    def recordings(self) -> Recordings:
        """Knows the transcript that this process writes."""
        ...

    @property
    def random_bytes(self) -> Callable[[int], bytes]:
        """Gives secrets their bytes."""
        ...

    @property
    def store(self) -> Store:
        """The open store."""
        ...

    @property
    def has_store(self) -> bool:
        """Whether there is an open store, even if somebody still waits for it."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether there is an open store, and nobody still waits for it."""
        ...

    def contract(self) -> bytes:
        """Return the OpenRPC document, encoded."""
        ...

    @property
    def mirror_url(self) -> str | None:
        """Where the mirror listens, if there is one."""
        ...

    def check_address(self, url: str, *, is_trusted: bool = False) -> None:
        """Raise UrlRefusedError if an address outside may not be called.

        Args:
            url: The address.
            is_trusted: Whether it is a provider's, which the owner chose.
        """
        ...

    def take_heavy(self, ctx: "Context") -> None:
        """Count a heavy call whose channel is a light one.

        Raises:
            RateLimitedError: Whoever calls made too many of them.
        """
        ...

    async def health(self, *, deep: bool, report: Report) -> Health:
        """Say how the process and its store are; *deep* looks through the store and reports."""
        ...

    async def initialize(self, params: Initialize, *, may_end: bool) -> Initialized:
        """Open the store with the key and tell what this server can do."""
        ...

    async def rekey(self, new_key: str, report: Report, *, dry_run: bool) -> None:
        """Encrypt the store with another key.

        Raises:
            InvalidParamsError: The store is plain.
        """
        ...

    async def look_through(
        self, path: Path, report: Report, *, database_key: str | None
    ) -> Verdict:
        """Look through a backup with that key, or the store's own, without changing a byte."""
        ...

    async def restore(self, origin: Origin, report: Report, *, database_key: str | None) -> None:
        """Put a backup in the place of the store; see `rpcbackend.store.restore`."""
        ...

    async def open_store(self) -> None:
        """Make sure that the store is open.

        Raises:
            NotInitializedError: It waits for its key.
        """
        ...

    async def shut_down(self) -> None:
        """Refuse new work, drain, close the store, and let the process end after the reply."""
        ...


@dataclass(slots=True, kw_only=True)
class Context:
    """One call's way to everything outside its handler."""

    host: Host
    connection: Connection
    clock: Clock
    ids: Ids
    meta: CallMeta
    channel: str
    permission: Permission
    """What the channel asks for; rows are hidden as far as the caller holds it."""
    principal: Principal = NOBODY
    """Who calls, once that is known."""
    access_version: int = 0
    """What of the changes of who may come in was known when the caller was identified."""
    keyed: Keyed | None = None
    """What makes a repeated delivery of this command the same one, if it came with a key."""
    result_meta: dict[str, Any] = field(default_factory=dict)
    """Becomes `result._meta`."""
    has_written: bool = False
    """Whether a transaction of this call is kept, whatever the call answers in the end."""
    report: Report = lambda done, total, message: None  # noqa: ARG005
    """Tells how far the call is; goes nowhere unless the caller asked by `_meta.progressToken`."""
    end_report: Callable[[], None] = lambda: None
    """Ends what a job reports after its call."""

    @property
    def actor(self) -> str:
        """Who calls, as events and the audit name him."""
        return self.principal.actor

    @property
    def sight(self) -> Sight:
        """What the caller can see."""
        return sight_by(self.principal, self.permission)

    def standing(self) -> Standing:
        """Return what tells later whether the caller may still do what this call began."""
        return Standing(
            self.host.access,
            self.host.store,
            caller=self.connection,
            principal=self.principal,
            token=self.meta.token,
            permission=self.permission,
        )

    async def identify(self) -> None:
        """Find out who calls.

        Raises:
            UnauthenticatedError: The token or API key is none of ours.
            SessionExpiredError: The token, or the session of the connection, is over.
        """
        access, connection, token = self.host.access, self.connection, self.meta.token
        self.principal = await access.identify(self.host.store, connection, token)
        self.access_version = self.host.store.access_version

    def recall(self) -> bool:
        """Find out who calls from what is remembered; tell whether that was enough."""
        known = self.host.access.known(self.connection, self.meta.token)
        if known is None:
            return False
        self.principal = known
        self.access_version = self.host.store.access_version
        return True

    async def confirm(self, work: Work) -> None:
        """Check within the call's transaction that the caller is still who he was.

        Raises:
            UnauthenticatedError: A user exists by now, and the desk has to sign in.
            SessionExpiredError: The session or key was ended, or its user disabled.
            ForbiddenError: What he may do was changed.
        """
        if work.access_version != self.access_version and self.principal.kind != "nobody":
            await confirm(work, self.principal)

    async def _done_before(self, work: Work) -> StoredReply | None:
        """Return the reply that is kept under the key of this command, if it has one."""
        if self.keyed is None:
            return None
        return await work.idempotency_keys.find(self.keyed, work.now_ms // 1_000)

    def check(self, permission: Permission) -> None:
        """Check that the caller holds *permission*.

        Raises:
            UnauthenticatedError: Nobody is signed in.
            ForbiddenError: He does not.
            ScopeMissingError: The API key does not.
        """
        if self.principal.reach(permission) is not None:
            return
        if self.principal.kind == "nobody":
            raise UnauthenticatedError
        if self.principal.kind == "api_key":
            raise ScopeMissingError
        raise ForbiddenError

    def check_fresh(self) -> None:
        """Check that the caller gave his password a short time ago, where there are users.

        Raises:
            ForbiddenError: It is an API key: it never gave one.
            PasswordRequiredError: It is too long ago.
        """
        if self.principal.kind == "api_key":
            raise ForbiddenError("An API key may not do this, whatever its scopes.")
        given = self.host.access.now() - self.principal.password_at
        if self.principal.kind == "user" and given > FRESH_SECONDS:
            raise PasswordRequiredError

    async def read(self, unit: Callable[[Work], Awaitable[T]]) -> T:
        """Run *unit* on one snapshot, in one hop to the database."""
        store = self.host.store
        # Noted before the snapshot is taken, so it never claims an event the answer lacks.
        self.result_meta["seq"] = store.head_seq
        return await store.read(unit, sight=self.sight)

    async def write(self, unit: Callable[[Work], Awaitable[ModelT]]) -> ModelT:
        """Run *unit* as one transaction: all of it is kept, durably, or nothing.

        What it returns is the channel's answer, kept with the effect when the caller gave an
        idempotency key. With `_meta.dryRun` everything is checked and nothing kept.

        Raises:
            DoneBeforeError: The command took effect before, by this key; nothing was run, and the
                audit has no second row.
            IdempotencyKeyReusedError: The key was used before, with other params.
        """
        store = self.host.store
        command = Command(channel=self.channel, session_id=self.principal.session_id)
        outgoing: list[str] = []

        async def audited(work: Work) -> ModelT:
            return await work.audited(unit, command)

        async def confirmed(work: Work) -> ModelT | StoredReply:
            _, stored, _ = await work.together(
                self.confirm(work), self._done_before(work), work.audit.look_ahead()
            )
            keyed = self.keyed
            result = await (audited(work) if keyed is None else once(audited, keyed, stored, work))
            outgoing.extend(work.channels_out)
            return result

        result = await store.write(
            confirmed,
            actor=self.actor,
            keep=not self.meta.dry_run,
            sight=self.sight,
        )
        self.has_written = not self.meta.dry_run
        self.result_meta["seq"] = store.head_seq
        if outgoing and self.has_written and (warnings := self.host.post.warnings(outgoing)):
            self.result_meta["warnings"] = [each.model_dump(mode="json") for each in warnings]
        if isinstance(result, StoredReply):
            self.result_meta["replayed"] = True
            raise DoneBeforeError(result.result)
        return result
