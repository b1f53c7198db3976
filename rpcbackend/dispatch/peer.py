"""Who is at the other end of a connection: its session, and whether it is the main process."""

import hmac

from rpcbackend.errors import ForbiddenError
from rpcbackend.security.tokens import Audience


class Peer:
    """The program at the other end.

    Args:
        audience: How it reached us; what tokens it gets are good there alone.
        source: Whose wrong passwords and tokens count together.
    """

    def __init__(self, audience: Audience, source: str = "") -> None:
        self.audience, self.source = audience, source
        self.session_id: str | None = None
        """The session that signed in on this connection."""
        self._capability: str | None = None

    @property
    def is_desk(self) -> bool:
        """Whether it is the program that started us."""
        return self.audience == "stdio"

    def entrust(self, capability: str) -> None:
        """Keep main-only channels for whoever knows *capability*.

        Raises:
            ForbiddenError: Another one was named before: a window must not make itself main. Nor
                does anybody become the main process by a network.
        """
        if not self.is_desk:
            raise ForbiddenError("Only the program that started this one has a main process.")
        if self._capability is not None and not self.is_main(capability):
            raise ForbiddenError("Another capability holds on this connection.")
        self._capability = capability

    def is_main(self, capability: str | None) -> bool:
        """Tell whether a call that brings *capability* comes from the main process.

        Whoever started us is the main process as long as it has named no capability.
        """
        if self._capability is None:
            return self.is_desk
        return capability is not None and hmac.compare_digest(
            capability.encode(), self._capability.encode()
        )
