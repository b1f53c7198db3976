"""Users: who may sign in, and as what."""

from rpcbackend.accounts.sessions import end_sessions
from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.domain.versions import next_version
from rpcbackend.errors import (
    DuplicateError,
    ForbiddenError,
    InvalidParamsError,
    LastOwnerError,
    NotFoundError,
    PasswordRequiredError,
    VersionConflictError,
)
from rpcbackend.schema.base import Encoded
from rpcbackend.schema.users import ListUsers, SaveUser, User, UserPage, UserStatus
from rpcbackend.security.roles import Permission, fits_roles
from rpcbackend.store import Work


@method("users.list", permission=Permission.USERS_READ)
async def list_all(ctx: Context, params: ListUsers) -> Encoded[UserPage]:
    """Return the users that fit, by login."""
    return await ctx.read(lambda work: work.users.list(params))


@method(
    "users.save",
    permission=Permission.USERS_WRITE,
    kind="command",
    step_up=True,
    errors=(
        ForbiddenError,
        PasswordRequiredError,
        NotFoundError,
        VersionConflictError,
        DuplicateError,
        LastOwnerError,
    ),
    events=(
        "users.created",
        "users.updated",
        "users.disabled",
        "auth.session_revoked",
        "apikeys.revoked",
    ),
)
async def save(ctx: Context, params: SaveUser) -> User:
    """Add a user, or replace the one with the given id.

    A new one cannot sign in before auth.changePassword gave him a password. Other roles hold at
    once; a disabled user's sessions end and his API keys are revoked. One owner who can sign in
    stays. Only who has the role instructor is linked to an instructor, and student to a student.
    """
    if ctx.principal.kind == "local":
        raise ForbiddenError("There is no user yet: make the first owner with auth.bootstrap.")

    if params.linked_person_id and not fits_roles(params.linked_person_id, params.roles):
        raise InvalidParamsError(
            details={"errors": [{"path": "linkedPersonId", "rule": "person_does_not_fit_roles"}]}
        )

    async def unit(work: Work) -> User:
        old = await work.users.require(params.user_id) if params.user_id else None
        user = User(
            id=old.id if old else work.new_id("usr"),
            login=params.login,
            roles=sorted(set(params.roles)),
            linked_person_id=params.linked_person_id,
            status=params.status,
            has_mfa=old.has_mfa if old else False,
            created_at=old.created_at if old else work.now.replace(microsecond=0),
            version=next_version(old, params.expected_version),
        )
        await _require_person(work, user.linked_person_id)
        await _require_free(work, user)
        await work.users.put(user)
        if await work.users.active_owners() == 0:
            raise LastOwnerError
        is_shut_out = user.status is UserStatus.DISABLED and old is not None
        happened = "disabled" if is_shut_out else "updated" if old else "created"
        await work.record(f"users.{happened}", ("user", user.id, user.version), {"userId": user.id})
        if is_shut_out:
            await _shut_out(work, user)
        return user

    return await ctx.write(unit)


async def _require_person(work: Work, person_id: str | None) -> None:
    if person_id is not None and person_id.startswith("ins_"):
        await work.instructors.require(person_id)
    elif person_id is not None:
        await work.students.require(person_id)


async def _require_free(work: Work, user: User) -> None:
    found = await work.users.find(user.login)
    if found is not None and found.id != user.id:
        raise DuplicateError(
            "There is already a user with this login.", details={"candidates": [found.id]}
        )


async def _shut_out(work: Work, user: User) -> None:
    """End what he has open; nothing of it comes back when he does."""
    await end_sessions(work, user, "disabled")
    for key_id in await work.api_keys.live_of(user.id):
        await work.api_keys.revoke(key_id, work.now_ms // 1_000)
        await work.record("apikeys.revoked", ("api_key", key_id, 2), {"keyId": key_id})
