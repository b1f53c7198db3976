"""Whether a try to sign in fits, and what one that does not leaves behind."""

from dataclasses import dataclass, field, replace

from rpcbackend.errors import AccountLockedError, MfaRequiredError, UnauthenticatedError
from rpcbackend.rpc_error import RpcError
from rpcbackend.schema.users import User, UserStatus
from rpcbackend.security.lockout import (
    FORGOTTEN_AFTER_MS,
    LONGEST_KNOWN_WAIT_SECONDS,
    LONGEST_WAIT_SECONDS,
    misses_that_count,
    wait_left_ms,
)
from rpcbackend.security.recovery_codes import find_recovery_code
from rpcbackend.security.totp import accept_code
from rpcbackend.store import Proofs, Work

_ALL_OTHERS = ""
"""The counter of the devices that have none of their own."""
_CODES = "codes"
"""The counter of wrong codes beside a right password, on whatever device.

Six digits need the long wait everywhere; only who knows the password can make anybody wait so.
"""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a try comes from, and when."""

    device: str | None
    """What counts by itself: see `answers.source_of`."""
    now_ms: int
    """In time that never goes back: a clock that is set back ends no wait, one set forward does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """What somebody typed, and whether the password fitted."""

    login: str = field(repr=False)
    """Perhaps a password in the wrong field."""
    source: Source
    password_hash: str | None = field(repr=False)
    """What the password was compared with: None where there was nothing."""
    is_right: bool
    rehashed: str | None = field(default=None, repr=False)
    """The password in a new hash, where the old one is of weaker parameters."""
    mfa_code: str | None = field(default=None, repr=False)
    recovery_code: str | None = field(default=None, repr=False)

    @property
    def has_code(self) -> bool:
        """Whether there is a second factor at all."""
        return self.mfa_code is not None or self.recovery_code is not None


async def password_hash_of(work: Work, login: str, source: Source) -> str | None:
    """Return what a password under this login is to be compared with, if the login may be tried.

    Raises:
        AccountLockedError: Not yet, after too many misses.
    """
    await require_turn(work, login, source)
    user = await work.users.find(login)
    if user is None or user.status is not UserStatus.ACTIVE:
        return None
    return (await work.credentials.get(user.id)).password_hash


async def require_turn(work: Work, login: str, source: Source) -> None:
    """Check that a try under this login is read now; unknown logins wait like known ones.

    A device that signed in under it before waits for its own misses alone, and shortly.

    Raises:
        AccountLockedError: It has to wait; says how long.
    """
    counter = await _counter_of(work, login, source.device)
    is_known = counter != _ALL_OTHERS
    longest = LONGEST_KNOWN_WAIT_SECONDS if is_known else LONGEST_WAIT_SECONDS
    await _require_turn(work, login, counter, longest, source.now_ms)


async def _require_turn(work: Work, login: str, counter: str, longest: int, now_ms: int) -> None:
    misses, last_miss_at_ms = await work.credentials.misses(login, counter)
    wait_ms = wait_left_ms(misses, last_miss_at_ms, now_ms, longest)
    if wait_ms > 0:
        raise AccountLockedError(retry_after_ms=wait_ms)


async def _counter_of(work: Work, login: str, device: str | None) -> str:
    if device is not None and await work.credentials.knows(login, _own(device)):
        return _own(device)
    return _ALL_OTHERS


def _own(device: str) -> str:
    return f"device:{device}"


async def note_success(work: Work, login: str, source: Source) -> None:
    """Wipe out the misses of the device, which counts by itself from now on.

    Those of others stay when it did so before: they are not the ones who signed in.
    """
    counter = await _counter_of(work, login, source.device)
    if counter == _ALL_OTHERS:
        await work.credentials.drop_misses(login)
    if source.device is not None:
        await work.credentials.note_misses(login, 0, source.now_ms, _own(source.device))
    await work.credentials.drop_misses(login, _CODES)


async def _count(work: Work, login: str, counter: str, now_ms: int) -> int:
    misses, last_miss_at_ms = await work.credentials.misses(login, counter)
    misses = misses_that_count(misses, last_miss_at_ms, now_ms) + 1
    await work.credentials.note_misses(login, misses, now_ms, counter)
    return misses


async def note_miss(work: Work, login: str, user: User | None, source: Source) -> None:
    """Count a wrong password or code, and leave an event that does not say what was typed."""
    counter = await _counter_of(work, login, source.device)
    misses = await _count(work, login, counter, source.now_ms)
    await work.credentials.forget_misses(source.now_ms - FORGOTTEN_AFTER_MS)
    await work.record(
        "auth.login_failed",
        ("user", user.id, user.version) if user else ("user", "unknown", 0),
        {"userId": user.id if user else None, "misses": misses},
    )


async def judge(work: Work, tried: Try) -> User | RpcError:
    """Return who may come in, or what he is told once the miss is kept.

    An unknown login, a user who is disabled or has no password, a wrong password and a wrong code
    are all the same. A right password without the code that is needed too is no miss, and wipes
    none out.

    Raises:
        AccountLockedError: Others missed meanwhile: the try is neither read nor counted.
    """
    now_ms = tried.source.now_ms
    await require_turn(work, tried.login, tried.source)
    user = await work.users.find(tried.login)
    if user is not None and user.status is UserStatus.ACTIVE and tried.is_right:
        proofs = await work.credentials.get(user.id)
        # What was compared with a password that is no more says nothing.
        is_same = proofs.password_hash == tried.password_hash
        if is_same and proofs.mfa_secret is not None and not tried.has_code:
            return MfaRequiredError()
        if is_same:
            await _require_turn(work, tried.login, _CODES, LONGEST_WAIT_SECONDS, now_ms)
            if await _use_code(work, proofs, proofs.mfa_secret, tried):
                await note_success(work, tried.login, tried.source)
                return user
            await _count(work, tried.login, _CODES, now_ms)
    await note_miss(work, tried.login, user, tried.source)
    return UnauthenticatedError()


async def _use_code(work: Work, old: Proofs, secret: str | None, tried: Try) -> bool:
    """Use up the second factor and tell whether it fits; there may be none to give."""
    proofs = replace(old, password_hash=tried.rehashed or old.password_hash)
    if secret is not None and tried.recovery_code is not None:
        hashes = await work.credentials.recovery_codes(old.user_id)
        found = find_recovery_code(tried.recovery_code, hashes)
        if found is None or not await work.credentials.use_recovery_code(old.user_id, found):
            return False
    elif secret is not None:
        step = accept_code(secret, tried.mfa_code or "", last_step=old.mfa_step, now_ms=work.now_ms)
        if step is None:
            return False
        proofs = replace(proofs, mfa_step=step)
    if proofs != old:
        await work.credentials.put(proofs)
    return True
