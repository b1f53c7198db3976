"""How long a session or API key is good, and whom it makes of its holder; remembers nothing."""

from dataclasses import dataclass

from rpcbackend.errors import ForbiddenError, SessionExpiredError, UnauthenticatedError
from rpcbackend.schema.apikeys import ApiKey
from rpcbackend.schema.users import Role, User, UserStatus
from rpcbackend.security.principal import LOCAL, Kind, Principal
from rpcbackend.security.roles import SCOPES, Permission, Reach, grants_of
from rpcbackend.store import StoredSession, Work

DAY = 24 * 3600
IDLE_SECONDS, ABSOLUTE_SECONDS = 14 * DAY, 30 * DAY
OWNER_IDLE_SECONDS, OWNER_ABSOLUTE_SECONDS = 30 * 60, 12 * 3600
"""How long a session lives without use, and at most; an owner's for shorter."""

AHEAD_SECONDS = DAY
"""How far the store may be ahead of the clock and be believed.

Up to there the clock was set back, and what the store says is later holds: that revives nothing.
Beyond it the clock was once wrong by far. To believe that would end every session and API key until
the clock gets there, so only the sessions that were used then are over.
"""


SETTLED_AHEAD_SECONDS = 31 * DAY
"""The same for the time that the store noted, which had held for ten minutes at least.

Beyond it every session would be over anyway, and API keys would be for as long.
"""


@dataclass(slots=True)
class Live:
    """A principal that is remembered, and until when it is good."""

    principal: Principal
    ends_at: int
    idle_seconds: int
    last_seen_at: int
    touched_at: int

    @property
    def good_until(self) -> int:
        """When it ends if it is not used meanwhile."""
        return min(self.ends_at, self.last_seen_at + self.idle_seconds)


def life_of(user: User) -> tuple[int, int]:
    """Return how long the user's sessions live without use, and at most, in seconds."""
    if Role.OWNER in user.roles:
        return OWNER_IDLE_SECONDS, OWNER_ABSOLUTE_SECONDS
    return IDLE_SECONDS, ABSOLUTE_SECONDS


def is_over(session: StoredSession, user: User, now: int) -> bool:
    """Tell whether the session's time is over, or its user may not come in any more."""
    live = live_session(session, user, now)
    return live is None or now >= live.good_until


async def confirm(work: Work, principal: Principal) -> None:
    """Check within a transaction that *principal* is who he was when his call began.

    Who may come in may have been changed by a command that stood before his in the queue.

    Raises:
        UnauthenticatedError: A user exists by now, and the desk has to sign in.
        SessionExpiredError: The session or key was ended, or its user disabled.
        ForbiddenError: What he may do was changed.
    """
    if principal.kind == "local":
        if await work.users.any():
            raise UnauthenticatedError
        return
    live = await _live_in(work, principal)
    if live is None:
        raise SessionExpiredError
    now = live.principal
    if (now.grants, now.person_id) != (principal.grants, principal.person_id):
        raise ForbiddenError("What you may do was changed a moment ago; ask again.")


async def confirm_again(
    work: Work, actor: str, session_id: str | None, permission: Permission
) -> None:
    """Check within a transaction that whoever began something in another process still may do it.

    What the program began by itself, nobody's right decides about.

    Args:
        work: The transaction.
        actor: Who began it.
        session_id: In which session, if it was a user.
        permission: What it asks for.

    Raises:
        UnauthenticatedError: It was the desk, and a user exists by now.
        SessionExpiredError: The session or key was ended, or its user disabled.
        ForbiddenError: What he may do was changed.
    """
    if actor == LOCAL.actor:
        return await confirm(work, LOCAL)
    if session_id is None and not actor.startswith(("key_", "usr_")):
        return None
    kind: Kind = "api_key" if session_id is None else "user"
    live = await _live_in(work, Principal(kind=kind, actor=actor, session_id=session_id))
    if live is None:
        raise SessionExpiredError
    if live.principal.reach(permission) is None:
        raise ForbiddenError
    return None


async def _live_in(work: Work, principal: Principal) -> Live | None:
    if principal.session_id is not None:
        # Whose it is never changes.
        session, user = await work.together(
            work.sessions.get(principal.session_id), work.users.get(principal.actor)
        )
        if session is None or user is None or session.user_id != user.id:
            return None
        # Its time was looked at when the call began.
        return live_session(session, user, session.last_seen_at)
    stored = await work.api_keys.get(principal.actor.removeprefix("key_"))
    user = await work.users.get(stored.key.user_id) if stored else None
    return live_api_key(stored.key, user) if stored and user else None


def live_session(session: StoredSession, user: User, now: int) -> Live | None:
    """Return who is in the session, or None when it is over for good."""
    if user.status is not UserStatus.ACTIVE or session.last_seen_at > now + AHEAD_SECONDS:
        return None
    idle, life = life_of(user)
    return Live(
        principal=Principal(
            kind="user",
            actor=user.id,
            grants=grants_of(user.roles),
            session_id=session.id,
            person_id=user.linked_person_id,
            password_at=session.password_at,
        ),
        ends_at=session.created_at + life,
        idle_seconds=idle,
        last_seen_at=session.last_seen_at,
        touched_at=session.last_seen_at,
    )


def live_api_key(key: ApiKey, user: User) -> Live | None:
    """Return whose the key is, or None when it is revoked or its maker disabled."""
    if user.status is not UserStatus.ACTIVE or key.revoked_at is not None:
        return None
    ends_at = int(key.expires_at.timestamp())
    used_at = int((key.last_used_at or key.created_at).timestamp())
    return Live(
        principal=Principal(
            kind="api_key",
            actor=f"key_{key.id}",
            grants=_grants_of_key(key, user),
            person_id=user.linked_person_id,
        ),
        ends_at=ends_at,
        idle_seconds=ends_at,
        last_seen_at=used_at,
        touched_at=used_at,
    )


def _grants_of_key(key: ApiKey, user: User) -> dict[Permission, Reach]:
    """Return what the key's scopes open, never more than its maker has by now."""
    grants = grants_of(user.roles)
    opened = {permission for scope in key.scopes for permission in SCOPES.get(scope, ())}
    return {permission: grants[permission] for permission in opened if permission in grants}
