"""How long a service asks to be left alone (RFC 9110, section 10.2.3); pure."""

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

MOST_SECONDS = 24 * 3600.0
"""Nobody is waited for longer, whatever he says."""

_MOST_DIGITS = 9


def read_retry_after(headers: Mapping[str, str], now_ms: int) -> float | None:
    """Return the wait that the header asks for, in seconds; None if it asks for none.

    Args:
        headers: By names in lower case.
        now_ms: Against which a date counts.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS:
        return min(float(value), MOST_SECONDS)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(at.timestamp() - now_ms / 1_000, 0.0), MOST_SECONDS)
