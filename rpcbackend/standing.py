"""How far somebody may see, and for how long: what outlives its call asks again."""

from dataclasses import dataclass

from rpcbackend.access import Access, Caller
from rpcbackend.errors import SessionExpiredError, UnauthenticatedError
from rpcbackend.security.principal import Principal
from rpcbackend.security.roles import EVENT_AREAS, Permission, Reach
from rpcbackend.security.tokens import Audience
from rpcbackend.store import Sight, Store, sight_of


def sight_by(principal: Principal, permission: Permission) -> Sight:
    """Return what the principal sees when he uses the permission."""
    reach = principal.reach(permission)
    if reach is Reach.ALL and permission is not Permission.EVENTS_READ:
        return _NO_STREAM
    # The stream is for those who subscribe; to work its areas out would cost every call 4 µs.
    areas = _areas_of(principal, reach) if permission is Permission.EVENTS_READ else _NO_AREAS
    own = None if reach is None else _OWN.get(reach)
    if own is None:
        return _NO_STREAM if areas is _NO_AREAS else Sight(areas=areas)
    person_id = principal.person_id
    fits = person_id is not None and person_id.startswith(own)
    return sight_of(person_id if fits else None, areas)


_NO_AREAS: frozenset[str] = frozenset()
_NO_STREAM = Sight(areas=_NO_AREAS)

_OWN = {
    Reach.OWN: ("ins_", "stu_"),
    Reach.OWN_AS_INSTRUCTOR: ("ins_",),
    Reach.OWN_AS_STUDENT: ("stu_",),
}
"""As whom one has rows of one's own: an instructor's are no student's, whoever is linked to him."""


def _areas_of(principal: Principal, reach: Reach | None) -> frozenset[str] | None:
    """Return the areas whose records he may read at least as far as the stream itself."""
    areas = frozenset(
        area
        for area, needed in EVENT_AREAS.items()
        if principal.reach(needed) in (Reach.ALL, reach or Reach.ALL)
    )
    # Only who may read every area that there is, is told of one that came without a line here.
    return None if len(areas) == len(EVENT_AREAS) else areas


@dataclass(slots=True, kw_only=True)
class _CallerThen:
    """A connection as it was: whoever signs in there later is somebody else."""

    id: str
    source: str
    audience: Audience
    session_id: str | None
    is_desk: bool


class Standing:
    """What the caller of a call may see from then on: less one day, or nothing any more.

    It is bound to his session or API key. A token may expire meanwhile, for it only proved the
    session; and to ask here is no use of the session, which would never be idle otherwise.

    Args:
        access: Tells who calls.
        store: Where sessions and keys are looked up.
        caller: The connection of the call.
        principal: Who made the call.
        token: What he proved it with, if not by the connection's session.
        permission: What he must still hold.
    """

    def __init__(
        self,
        access: Access,
        store: Store,
        *,
        caller: Caller,
        principal: Principal,
        token: str | None,
        permission: Permission,
    ) -> None:
        self._access, self._store, self._permission = access, store, permission
        self._token = token if principal.kind == "api_key" else None
        self._caller = _CallerThen(
            id=caller.id,
            source=caller.source,
            audience=caller.audience,
            session_id=principal.session_id,
            is_desk=caller.is_desk,
        )

    def known(self) -> Sight | None:
        """Return what he sees, if that is remembered; costs no hop to the database."""
        principal = self._access.known(self._caller, self._token, is_use=False)
        return self._sight_of(principal) if principal else None

    async def sight(self) -> Sight | None:
        """Return what he sees, or None when he may see nothing any more."""
        try:
            principal = await self._access.identify(
                self._store, self._caller, self._token, is_use=False
            )
        except (UnauthenticatedError, SessionExpiredError):
            return None
        return self._sight_of(principal)

    def _sight_of(self, principal: Principal) -> Sight | None:
        if principal.reach(self._permission) is None:
            return None
        return sight_by(principal, self._permission)
