"""The first owner of a school: made once, by whoever is there first."""

from rpcbackend.errors import ForbiddenError
from rpcbackend.schema.users import Role, User, UserStatus
from rpcbackend.store import Proofs, Work


async def require_nobody(work: Work) -> None:
    """Check that no user exists.

    Raises:
        ForbiddenError: One does.
    """
    if await work.users.any():
        raise ForbiddenError("There is an owner already; sign in.")


async def add_first_owner(work: Work, login: str, password_hash: str) -> User:
    """Add the first user, who is an owner; it is his own doing.

    Raises:
        ForbiddenError: Somebody else was first.
    """
    await require_nobody(work)
    user = User(
        id=work.new_id("usr"),
        login=login,
        roles=[Role.OWNER],
        linked_person_id=None,
        status=UserStatus.ACTIVE,
        has_mfa=False,
        created_at=work.now.replace(microsecond=0),
        version=1,
    )
    await work.users.put(user)
    await work.credentials.put(Proofs(user_id=user.id, password_hash=password_hash))
    work.actor = user.id
    await work.record("users.created", ("user", user.id, 1), {"userId": user.id})
    return user
