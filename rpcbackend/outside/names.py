"""Where hosts are: names looked up beside the loop, on threads for which nothing waits.

The loop's own look-ups share threads with everything else, and a resolver that does not answer
would hold them all for half a minute.
"""

import asyncio
import socket
import threading
from contextlib import suppress
from typing import Final

from rpcbackend.outside.adapter import TryAgainError

MOST: Final = 32
"""Names that are looked up at a time."""


class Names:
    """Looks names up, each by one thread however many ask."""

    def __init__(self) -> None:
        self._asking: dict[str, asyncio.Future[list[str]]] = {}

    async def look_up(self, host: str) -> list[str]:
        """Return the addresses of a host, those to be tried first at the front.

        Raises:
            TryAgainError: There are none, or nobody can tell now.
        """
        asking = self._asking.get(host)
        if asking is None:
            if len(self._asking) >= MOST:
                raise TryAgainError("too many names are looked up", is_unreached=True)
            asking = self._ask(host)
        try:
            return await asyncio.shield(asking)
        except OSError as exc:
            raise TryAgainError("its name is not known here", is_unreached=True) from exc

    def _ask(self, host: str) -> asyncio.Future[list[str]]:
        loop = asyncio.get_running_loop()
        asking = self._asking[host] = loop.create_future()
        # Nobody may be there any more to hear of a failure.
        asking.add_done_callback(lambda done: (self._asking.pop(host, None), done.exception()))

        def look() -> None:
            try:
                found, failure = _resolve(host), None
            except (OSError, UnicodeError) as exc:
                found, failure = [], OSError(str(exc))
            # The loop may have ended meanwhile.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_settle, asking, found, failure)

        threading.Thread(target=look, name="rpcbackend-names", daemon=True).start()
        return asking


def _resolve(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    # Once each, in their order.
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _settle(asking: asyncio.Future[list[str]], found: list[str], failure: OSError | None) -> None:
    if failure is not None:
        asking.set_exception(failure)
    else:
        asking.set_result(found)
