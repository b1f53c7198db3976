"""The keys that protect what is stored."""

from rpcbackend.schema.base import Params
from rpcbackend.schema.lifecycle import Key


class Rekey(Params):
    """Params of keys.rekey."""

    new_database_key: Key
