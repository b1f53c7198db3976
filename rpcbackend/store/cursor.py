"""Where a page of a list ended, as a text that the client hands back unread."""

import base64
import binascii

import orjson

from rpcbackend.errors import CursorInvalidError
from rpcbackend.schema.base import MAX_SAFE_INTEGER


def write_cursor(*position: str | int) -> str:
    """Make the cursor of a row's sort position."""
    return base64.urlsafe_b64encode(orjson.dumps(position)).decode().rstrip("=")


def read_cursor(cursor: str, *types: type) -> list[str | int]:
    """Read back the sort position.

    Raises:
        CursorInvalidError: It was not made by `write_cursor` with values of these types.
    """
    try:
        position = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        raise CursorInvalidError from None
    if not isinstance(position, list) or [type(value) for value in position] != list(types):
        raise CursorInvalidError
    # Greater ones do not fit into a column.
    if any(isinstance(value, int) and abs(value) > MAX_SAFE_INTEGER for value in position):
        raise CursorInvalidError
    return position
