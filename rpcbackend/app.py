"""The composition root: the one list of rings, the one list of observers, one process's life."""

import asyncio
import base64
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rpcbackend import PROTOCOL_VERSION, __version__
from rpcbackend.clock import Clock, SystemClock
from rpcbackend.contract.shipped import contract_hash, read_contract
from rpcbackend.dispatch.call import Middleware, Observer
from rpcbackend.dispatch.dispatcher import MAX_RESPONSE_BYTES, Dispatcher, ReportBug, Sources
from rpcbackend.dispatch.server import MAX_BATCH, MAX_IN_FLIGHT, MAX_QUEUED, LineSink, Server
from rpcbackend.errors import InvalidParamsError, NotInitializedError, SchemaTooNewError
from rpcbackend.ids import Ids, RandomBits
from rpcbackend.methods import build_registry
from rpcbackend.middleware.deadline import deadline
from rpcbackend.middleware.idempotency import idempotency
from rpcbackend.middleware.open_store import open_store
from rpcbackend.schema.lifecycle import (
    Capabilities,
    Initialize,
    Initialized,
    Limits,
    Peer,
    Ready,
)
from rpcbackend.schema.system import Health, StoreHealth
from rpcbackend.store import StorageFailedError, Store, WrongKeyError, has_data, is_locked
from rpcbackend.store import open_store as open_store_file
from rpcbackend.transport.lines import MAX_LINE_BYTES

RINGS: Sequence[Middleware] = (deadline, open_store, idempotency)
"""Outermost first."""

DRAIN_SECONDS = 5.0


@dataclass(slots=True, kw_only=True)
class Outside:
    """What comes from outside the program: time, randomness, and where faults are told."""

    clock: Clock = field(default_factory=SystemClock)
    bits: RandomBits | None = None
    record_bits: RandomBits | None = None
    """A second source for the ids of records: they are drawn on the database's thread."""
    report_bug: ReportBug = lambda bug, correlation_id: None  # noqa: ARG005
    observers: Sequence[Observer] = ()


class ExitRequestedError(Exception):
    """The process must end with a code of protocol.md section 8."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        super().__init__(reason)


class Application:
    """One process's program: a store behind a dispatcher, and any number of connections.

    Args:
        directory: The data directory; None keeps everything in memory.
        outside: Time, randomness, and where faults are told.
        drain_seconds: How long a shutdown waits for running calls.
    """

    def __init__(
        self,
        directory: Path | None,
        outside: Outside | None = None,
        *,
        drain_seconds: float = DRAIN_SECONDS,
    ) -> None:
        self._directory = directory
        self._outside = outside or Outside()
        self._drain_seconds = drain_seconds
        self._clock = self._outside.clock
        self._ids = Ids(self._clock, self._outside.bits)
        self._started = self._clock.monotonic()
        self._store: Store | None = None
        self._opening = asyncio.Lock()
        self._servers: list[Server] = []
        self._exit_code = 0
        self._closing: asyncio.Task[None] | None = None
        self.ended = asyncio.Event()
        """Set when the process should end, with `exit_code`."""
        self.dispatcher = Dispatcher(
            build_registry(),
            rings=RINGS,
            observers=self._outside.observers,
            host=self,
            sources=Sources(clock=self._clock, ids=self._ids),
            report_bug=self._outside.report_bug,
        )

    @property
    def exit_code(self) -> int:
        """What the process should exit with once `ended` is set."""
        return self._exit_code

    @property
    def is_locked(self) -> bool:
        """Whether an encrypted store waits for its key."""
        return self._store is None and self._directory is not None and is_locked(self._directory)

    async def boot(self) -> None:
        """Open the store now if there is a plain one.

        Raises:
            ExitRequestedError: A newer version of this program wrote it, or it is damaged.
        """
        if self._directory is None or not has_data(self._directory) or self.is_locked:
            return
        try:
            await self.open_store()
        except SchemaTooNewError as error:
            raise ExitRequestedError(79, f"{error.message} ({error.details})") from None
        except WrongKeyError:
            raise ExitRequestedError(
                74, f"the database in {self._directory} is damaged; restore a backup"
            ) from None
        except StorageFailedError as error:
            raise ExitRequestedError(
                74, f"the database in {self._directory} cannot be opened: {error}"
            ) from None

    def connect(self, sink: LineSink) -> Server:
        """Begin to serve a connection whose lines out go to *sink*."""
        server = Server(
            self.dispatcher, sink, clock=self._clock, connection_id=f"con_{len(self._servers) + 1}"
        )
        self._servers.append(server)
        return server

    def ready(self) -> Ready:
        """Return what the first line says."""
        return Ready(
            name="rpcbackend",
            version=__version__,
            protocol_version=PROTOCOL_VERSION,
            contract_hash=contract_hash(),
            pid=os.getpid(),
            locked=self.is_locked,
            boot_ms=round((self._clock.monotonic() - self._started) * 1_000),
        )

    async def close(self) -> None:
        """Refuse new calls, let the running ones end, and close the store.

        Whoever comes second waits for the same end: a shutdown is often followed by end of file.
        """
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        for server in self._servers:
            await server.drain(self._drain_seconds)
        if self._store is not None:
            await self._store.close()
            self._store = None

    def end(self, exit_code: int) -> None:
        """Let the process end; the first code stays."""
        if not self.ended.is_set():
            self._exit_code = exit_code
            self.ended.set()

    # What handlers ask of the process (rpcbackend.context.Host)

    @property
    def store(self) -> Store:
        """The open store."""
        if self._store is None:
            raise NotInitializedError
        return self._store

    @property
    def is_open(self) -> bool:
        """Whether there is an open store."""
        return self._store is not None

    async def open_store(self, key: bytes | None = None) -> None:
        """Make sure that the store is open.

        Raises:
            NotInitializedError: It waits for its key.
            WrongKeyError: The key does not open it.
        """
        async with self._opening:
            if self._store is not None:
                return
            if key is None and self.is_locked:
                raise NotInitializedError
            self._store = await open_store_file(
                self._directory,
                key=key,
                clock=self._clock,
                ids=Ids(self._clock, self._outside.record_bits),
                on_poison=_from_thread(self.end, 74),
            )

    def contract(self) -> bytes:
        """Return the OpenRPC document, encoded."""
        return read_contract()

    async def health(self, *, deep: bool) -> Health:
        """Say how the process and its store are."""
        store = await self._store_health(self._store, deep=deep) if self._store else None
        return Health(
            status=self._status(store),
            version=__version__,
            pid=os.getpid(),
            uptime_ms=round((self._clock.monotonic() - self._started) * 1_000),
            in_flight=sum(server.in_flight for server in self._servers),
            queued=sum(server.queued for server in self._servers),
            store=store,
        )

    async def initialize(self, params: Initialize) -> Initialized:
        """Open the store with the key and tell what this server can do.

        Raises:
            InvalidParamsError: The client speaks another version of the protocol; exits with 76.
            NotInitializedError: The key is wrong; exits with 77.
            SchemaTooNewError: A newer version of this program wrote the store; exits with 79.
        """
        if params.protocol_version != PROTOCOL_VERSION:
            self.end(76)
            raise InvalidParamsError(
                f"This server speaks version {PROTOCOL_VERSION} of the protocol.",
                details={"supported": [PROTOCOL_VERSION]},
            )
        if params.database_key is not None:
            await self._unlock(params.database_key, params.pending_database_key)
        return Initialized(
            protocol_version=PROTOCOL_VERSION,
            contract_hash=contract_hash(),
            server=Peer(name="rpcbackend", version=__version__),
            capabilities=Capabilities(
                events=True, cancellation=True, dry_run=True, encryption=True
            ),
            limits=Limits(
                request_bytes=MAX_LINE_BYTES,
                response_bytes=MAX_RESPONSE_BYTES,
                batch_elements=MAX_BATCH,
                in_flight=MAX_IN_FLIGHT,
                queued=MAX_QUEUED,
            ),
        )

    async def shut_down(self) -> None:
        """Close, and let the process end after the reply."""
        await self.close()
        asyncio.get_running_loop().call_soon(self.end, 0)

    async def _unlock(self, *keys: str | None) -> None:
        """Open the store with the first key that fits: a change of keys may have been cut short."""
        if self._store is not None and not self._store.engine.is_encrypted:
            raise InvalidParamsError(
                "The store is plain and already open; it takes no key.",
                details={"errors": [{"path": "databaseKey", "rule": "store_is_plain"}]},
            )
        for key in keys:
            if key is not None:
                try:
                    return await self.open_store(_read_key(key))
                except WrongKeyError:
                    continue
                except SchemaTooNewError:
                    asyncio.get_running_loop().call_soon(self.end, 79)
                    raise
        asyncio.get_running_loop().call_soon(self.end, 77)
        raise NotInitializedError("This key does not open the store.")

    def _status(self, store: StoreHealth | None) -> str:
        if self._closing is not None:
            return "closing"
        if store is not None:
            return "damaged" if store.integrity == "damaged" else "ok"
        return "locked" if self.is_locked else "ok"

    async def _store_health(self, store: Store, *, deep: bool) -> StoreHealth:
        engine = store.engine
        facts = engine.facts()
        integrity = None
        if deep:
            integrity = "ok" if await engine.check_integrity() else "damaged"
        return StoreHealth(
            engine=engine.name,
            is_encrypted=engine.is_encrypted,
            schema_version=facts.schema_version,
            head_seq=store.head_seq,
            database_bytes=facts.database_bytes,
            wal_bytes=facts.wal_bytes,
            disk_free_bytes=shutil.disk_usage(self._directory or Path.cwd()).free,
            integrity=integrity,
        )


def _read_key(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.rstrip("=") + "=")


def _from_thread(function: Callable[[int], None], argument: int) -> Callable[[], None]:
    """Return what calls *function* on the running loop from any thread."""
    loop = asyncio.get_running_loop()

    def call() -> None:
        loop.call_soon_threadsafe(function, argument)

    return call
