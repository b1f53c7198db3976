"""Answers that are kept: what they are made of, and by which key they are found."""

import base64
import hashlib
import re

from rpcbackend.protocol import codec
from rpcbackend.schema.base import Params
from rpcbackend.store import Sight

Key = tuple[str, Sight, bytes]
"""Channel, what the caller sees, a digest of the params: who differs in one shares no answer."""

_TAG_OF_ONE = re.compile(r"([a-z_]+:)\{([a-z_]+)\}")


class Kept:
    """Lets the answers of a query be kept, and says what they are made of.

    A handler whose answers are kept makes them of its params, of the store, and of what the caller
    can see, and of nothing else: not of the time, and not of who he is.

    Args:
        of: Tags, such as `students`, or `student:{student_id}` for the one that a param names; see
            `rpcbackend.store.tags`.
        seen_by: Further ones that decide what somebody sees who does not see everything.
    """

    def __init__(self, *of: str, seen_by: tuple[str, ...] = ()) -> None:
        self.of, self.seen_by = of, seen_by
        self._named = [_TAG_OF_ONE.fullmatch(tag) for tag in of]
        self._is_fixed = not any(self._named)

    def tags(self, params: Params, *, sees_all: bool) -> tuple[str, ...]:
        """Return the tags of one answer."""
        more = () if sees_all else self.seen_by
        if self._is_fixed:
            return self.of + more if more else self.of
        values = params.__dict__
        named = zip(self.of, self._named, strict=True)
        return (*(f"{one[1]}{values[one[2]]}" if one else tag for tag, one in named), *more)

    def params(self) -> set[str]:
        """Return the names of the params that tags are named by."""
        return {one[2] for one in self._named if one}


def key_of(channel: str, sight: Sight, params: Params) -> Key:
    """Return the key of a question; params that mean the same give the same."""
    # Always in the order of the model's fields, and with those that were not given. Not the text:
    # with the buffer behind it each would take some kilobytes.
    written = codec.encode(params.__dict__)
    return channel, sight, hashlib.blake2b(written, digest_size=16).digest()


def rev_of(epoch: str, key: Key, revision: int) -> str:
    """Name a state of an answer: of this opening of the store, this key, and this revision."""
    channel, sight, params = key
    text = f"{epoch}\n{revision}\n{channel}\n{sight}\n".encode() + params
    return base64.urlsafe_b64encode(hashlib.blake2b(text, digest_size=12).digest()).decode()
