"""Whoever makes a call: a user in a session, an API key, or the one desk of a school."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from rpcbackend.schema.users import Role
from rpcbackend.security.roles import GRANTS, NEEDS, Permission, Reach

Kind = Literal["nobody", "local", "user", "api_key"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who calls, and what he may do."""

    kind: Kind
    actor: str
    """As events, the audit and idempotency keys name him."""
    grants: Mapping[Permission, Reach] = field(default_factory=dict)
    session_id: str | None = None
    person_id: str | None = None
    """The instructor or student whose rows are his own."""
    password_at: int = 0
    """When he last gave his password, in Unix seconds."""

    def reach(self, permission: Permission) -> Reach | None:
        """Return how far the permission goes, or None if he does not hold it and what it needs."""
        needed = NEEDS.get(permission)
        if needed is not None and needed not in self.grants:
            return None
        return self.grants.get(permission)


NOBODY = Principal(kind="nobody", actor="nobody")

LOCAL = Principal(kind="local", actor="local", grants=GRANTS[Role.OWNER])
"""The program that started us, while no user exists: a school of one desk and no passwords."""
