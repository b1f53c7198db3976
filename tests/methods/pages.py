"""Following the cursors of a list to its end."""

from typing import Any

from rpcbackend.testing import Client


async def all_pages(
    client: Client, channel: str, limit: int, **params: Any
) -> tuple[list[dict[str, Any]], list[int]]:
    """Follow the cursors and return all items, and how many each page had."""
    items: list[dict[str, Any]] = []
    sizes: list[int] = []
    cursor = None
    while True:
        page = await client.call(channel, limit=limit, cursor=cursor, **params)
        items += page["items"]
        sizes.append(len(page["items"]))
        cursor = page["nextCursor"]
        if cursor is None:
            return items, sizes


def page_sizes(count: int, limit: int) -> list[int]:
    """Tell how many items the pages of a list ought to have."""
    full, rest = divmod(count, limit)
    return [limit] * full + [rest] * (rest > 0) or [0]
