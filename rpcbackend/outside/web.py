"""HTTP to the outside: one pool of connections, behind the gate and the guard.

It is the pool of httpx2 without its client: that follows names by itself, and here an address is
looked up once, looked at, and then connected to (docs/adr/0037-what-may-be-called.md).
"""

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from rpcbackend import __version__
from rpcbackend.errors import UrlRefusedError
from rpcbackend.outside.adapter import RefusedError, TryAgainError
from rpcbackend.outside.gate import BrokenOffError, Gate
from rpcbackend.outside.guard import Guard, Target

if TYPE_CHECKING:
    from httpcore2 import AsyncConnectionPool, AsyncNetworkStream

MAX_BODY_BYTES: Final = 64 * 1024
CONNECT_SECONDS: Final = 5.0
KEEP_SECONDS: Final = 5.0
"""How long a connection is kept that nobody uses: most servers keep theirs longer."""

SERVER_ERRORS: Final = 500
"""From this status on it counts against the host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a host said."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""
    body: bytes = field(repr=False)
    is_cut: bool = False
    """Whether the body was longer, and the rest was not read."""


class Web:
    """Posts to hosts outside.

    Args:
        gate: Lets calls through, under the policy of this channel.
        guard: Tells which addresses may be called.
        tls: Verifies certificates; the system's trust unless a test brings its own.
    """

    def __init__(self, gate: Gate, guard: Guard, *, tls: ssl.SSLContext | None = None) -> None:
        self._gate, self._guard, self._tls = gate, guard, tls
        self._pool: AsyncConnectionPool | None = None

    async def post(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes,
        is_trusted: bool = False,
    ) -> Answer:
        """Post, and return the answer whatever its status; no redirect is followed.

        Args:
            url: Where to.
            headers: Beside those of the connection.
            content: What.
            is_trusted: Whether the owner configured the address; see `Guard.check`.

        Raises:
            RefusedError: The address may not be called, or a header is not of HTTP.
            TryAgainError: With `is_unreached`: nothing was sent. Also where an address that the
                owner configured may not be called: no message is to blame for that.
            BrokenOffError: There was no whole answer.
        """
        try:
            target = self._guard.check(url, is_trusted=is_trusted)
        except UrlRefusedError as exc:
            if is_trusted:
                raise TryAgainError(exc.message, is_unreached=True) from exc
            raise RefusedError(exc.message) from exc
        # Loaded before its time begins, half of which is for connecting.
        await self._open()
        return await self._gate.call(
            target.name,
            lambda: self._post(target, headers, content),
            is_sick=lambda answer: answer.status >= SERVER_ERRORS,
        )

    async def close(self) -> None:
        """Let go of every connection."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await pool.aclose()

    async def _post(self, target: Target, headers: Mapping[str, str], content: bytes) -> Answer:
        pool = await self._open()
        import httpcore2 as core  # noqa: PLC0415 (when something goes out)

        url = core.URL(
            scheme=target.scheme, host=target.host, port=target.port, target=target.target
        )
        sent = {"accept-encoding": "identity", "user-agent": f"rpcbackend/{__version__}"}
        sent |= {name.lower(): value for name, value in headers.items()}
        try:
            encoded = [
                (name.encode("ascii"), value.encode("ascii")) for name, value in sent.items()
            ]
            async with pool.stream(
                "POST",
                url,
                headers=encoded,
                content=content,
                extensions={"timeout": {"connect": self._connect_seconds}},
            ) as response:
                return await _read(response)
        except (core.LocalProtocolError, UnicodeError) as exc:
            raise RefusedError("the message cannot be put into HTTP") from exc
        except (core.ConnectError, core.ConnectTimeout) as exc:
            raise TryAgainError(_why_not(exc), is_unreached=True) from exc
        except (core.TimeoutException, core.NetworkError, core.RemoteProtocolError) as exc:
            raise BrokenOffError("the connection to the host broke") from exc

    async def _open(self) -> "AsyncConnectionPool":
        if self._tls is None:
            self._tls = await asyncio.to_thread(_trust_as_the_system_does)
        if self._pool is None:
            self._pool = _open_pool(self._guard, self._tls)
        return self._pool

    @property
    def _connect_seconds(self) -> float:
        # Before the whole call is over, so that it is known that nothing was sent.
        return min(CONNECT_SECONDS, self._gate.policy.timeout_seconds / 2)


async def _read(response: Any) -> Answer:
    body, is_cut = bytearray(), False
    async for part in response.aiter_stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            # What is left unread ends with its connection.
            is_cut = True
            break
    return Answer(
        status=response.status,
        headers={
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in response.headers
        },
        body=bytes(body[:MAX_BODY_BYTES]),
        is_cut=is_cut,
    )


def _why_not(exc: BaseException) -> str:
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "its certificate is not valid, or it speaks no TLS"
        cause = cause.__cause__ or cause.__context__
    return "the host cannot be reached"


def _trust_as_the_system_does() -> ssl.SSLContext:
    # 40 ms for the library and 25 ms for the certificates, the first time.
    from httpcore2 import default_ssl_context  # noqa: PLC0415 (when something goes out)

    return default_ssl_context()


def _open_pool(guard: Guard, tls: ssl.SSLContext) -> "AsyncConnectionPool":
    import httpcore2 as core  # noqa: PLC0415 (when something goes out)

    class Looked(core.AsyncNetworkBackend):
        """Connects to the addresses that were looked at, and to no others."""

        def __init__(self) -> None:
            self._plain = core.AnyIOBackend()

        async def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,  # noqa: ASYNC109 (as the pool calls it)
            local_address: str | None = None,
            socket_options: Iterable[Any] | None = None,
        ) -> "AsyncNetworkStream":
            try:
                async with asyncio.timeout(timeout):
                    addresses = await guard.find(host)
            except TimeoutError:
                raise core.ConnectTimeout from None
            # Each in its turn: with one of them dead there is time for the others.
            each = None if timeout is None else timeout / len(addresses)
            for left, address in enumerate(addresses, start=1 - len(addresses)):
                try:
                    return await self._plain.connect_tcp(
                        address, port, each, local_address, socket_options
                    )
                except (core.ConnectError, core.ConnectTimeout):
                    if not left:
                        raise
            raise AssertionError("guard.find returns at least one address")

    return core.AsyncConnectionPool(
        ssl_context=tls,
        # The gate bounds them for each host.
        max_connections=None,
        max_keepalive_connections=32,
        keepalive_expiry=KEEP_SECONDS,
        network_backend=Looked(),
    )
