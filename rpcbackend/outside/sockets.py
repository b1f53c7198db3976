"""A socket to a host, whose name is looked up without the loop's own threads."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable

from rpcbackend.outside.adapter import TryAgainError

LookUp = Callable[[str], Awaitable[list[str]]]
"""Returns the IP addresses of a name, or raises `TryAgainError`."""


async def connect(host: str, port: int, look_up: LookUp) -> socket.socket:
    """Connect to the first address of a host that lets somebody in.

    Raises:
        TryAgainError: None does.
    """
    addresses = [host] if _is_address(host) else await look_up(host)
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, (address, port))
        except OSError:
            sock.close()
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise TryAgainError("the host cannot be reached", is_unreached=True)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
