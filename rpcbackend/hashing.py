"""Passwords hashed and verified beside the loop: two at a time, a few in line, no more."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from rpcbackend.errors import OverloadedError
from rpcbackend.security.passwords import SALT_BYTES, hash_password, needs_rehash, verify_password

T = TypeVar("T")

AT_ONCE = 2
"""Each takes some 50 ms of a core and 46 MiB: more would starve the calls of everybody else."""
WAITING = 16
"""Half a second's worth; whoever comes later is told so at once."""


class Hashing:
    """Hashes and verifies passwords on threads of its own.

    Args:
        random_bytes: Gives the salts.
    """

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="hashing")
        self._in_hand = 0

    async def hash(self, text: str) -> str:
        """Return the PHC string of a new password.

        Raises:
            OverloadedError: Too many wait.
        """
        # Drawn here, so that a seeded source gives the same salts whatever the threads do.
        salt = self._random_bytes(SALT_BYTES)
        return await self._run(lambda: hash_password(text, lambda _: salt))

    async def verify(self, phc: str | None, text: str) -> bool:
        """Tell whether *text* is the password; see `verify_password`.

        Raises:
            OverloadedError: Too many wait.
        """
        return await self._run(lambda: verify_password(phc, text))

    def needs_rehash(self, phc: str) -> bool:
        """Tell whether the hash was made with other parameters than today's."""
        return needs_rehash(phc)

    def close(self) -> None:
        """Take no more; what runs ends by itself within a moment."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._in_hand >= AT_ONCE + WAITING:
            raise OverloadedError(retry_after_ms=1_000)
        self._in_hand += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._in_hand -= 1
