"""By what the access tokens of one door are signed, and for how long; pure.

The key is the store's. With a secret from the configuration both are needed: whoever has the
database alone can make no token, nor can he who has the configuration alone.
"""

import hmac
from dataclasses import dataclass, field

from rpcbackend.security.tokens import LIFE_SECONDS

_LABEL = b"rpcbackend access token\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """How the tokens of one door are made."""

    secret: bytes | None = field(default=None, repr=False)
    """From the configuration."""
    life_seconds: int = LIFE_SECONDS

    def key_of(self, stored: bytes) -> bytes:
        """Return the key that signs, of the one that is stored."""
        if self.secret is None:
            return stored
        return hmac.digest(self.secret, _LABEL + stored, "sha256")
