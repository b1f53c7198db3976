"""Choosing a password: whether it is good enough, and what follows when it is changed."""

from dataclasses import dataclass, field, replace

from rpcbackend.accounts.sessions import end_sessions
from rpcbackend.accounts.tries import Source, note_miss, note_success, require_turn
from rpcbackend.errors import InvalidParamsError, SessionExpiredError, UnauthenticatedError
from rpcbackend.rpc_error import RpcError
from rpcbackend.schema.base import Empty
from rpcbackend.security.passwords import PasswordFault, PasswordRefusedError, check_password
from rpcbackend.security.principal import Principal
from rpcbackend.store import Proofs, Work

_WHY = {
    PasswordFault.TOO_SHORT: "It needs 12 characters or more; a sentence does well.",
    PasswordFault.TOO_LONG: "It may have 1,024 bytes at most.",
    PasswordFault.COMMON: "It is one of those that are tried first.",
    PasswordFault.CONTEXT: "It holds a part of the login.",
}


def check_new(password: str, login: str, path: str) -> None:
    """Refuse a new password that others would guess.

    Args:
        password: As it was typed.
        login: Whose it is to be.
        path: The param's name.

    Raises:
        InvalidParamsError: `details` name the rule, never the password.
    """
    try:
        check_password(password, login)
    except PasswordRefusedError as refused:
        rule = f"password_{refused.fault}"
        error = {"path": path, "rule": rule, "message": _WHY[refused.fault]}
        raise InvalidParamsError(details={"errors": [error]}) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A password that is about to be changed."""

    user_id: str
    by: Principal
    source: Source
    old_hash: str | None = field(repr=False)
    """What the current password was compared with."""
    is_right: bool
    """Whether the current password fitted; somebody else's is not asked for."""
    new_hash: str = field(repr=False)

    @property
    def is_own(self) -> bool:
        """Whether he changes his own."""
        return self.by.actor == self.user_id


async def hash_to_change(
    work: Work, user_id: str, by: Principal, source: Source
) -> tuple[str, str | None]:
    """Return the login, and what the current password is to be compared with.

    Raises:
        NotFoundError: There is no such user.
        AccountLockedError: It is his own, and he missed it too often.
    """
    user = await work.users.require(user_id)
    if by.actor == user_id:
        await require_turn(work, user.login, source)
    return user.login, (await work.credentials.get(user_id)).password_hash


async def change_password(work: Work, change: Change) -> Empty | RpcError:
    """Set the password and end the user's other sessions; a wrong current one is a miss.

    A second factor stays as it is: whoever may set a password does not get past it.

    Raises:
        SessionExpiredError: The caller's session ended while the passwords were hashed.
        AccountLockedError: Somebody missed meanwhile: the try is neither read nor counted.
    """
    if await work.sessions.get(change.by.session_id or "") is None:
        raise SessionExpiredError
    user = await work.users.require(change.user_id)
    proofs: Proofs = await work.credentials.get(user.id)
    if change.is_own:
        await require_turn(work, user.login, change.source)
        if not change.is_right or proofs.password_hash != change.old_hash:
            await note_miss(work, user.login, user, change.source)
            return UnauthenticatedError("The current password does not fit.")
        await note_success(work, user.login, change.source)
    else:
        # He who is locked out gets a new one: nobody may have used up his tries.
        await work.credentials.drop_misses(user.login)
    await work.credentials.put(replace(proofs, password_hash=change.new_hash))
    kept = change.by.session_id if change.is_own else None
    await end_sessions(work, user, "password_changed", but=kept)
    await work.record("auth.password_changed", ("user", user.id, user.version), {"userId": user.id})
    return Empty()
