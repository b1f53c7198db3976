"""Which status tells of which error."""

import pytest

from rpcbackend.mirror.statuses import status_of


@pytest.mark.parametrize(
    ("code", "symbol", "status"),
    [
        (-32602, "INVALID_PARAMS", 422),
        (-32601, "METHOD_NOT_FOUND", 404),
        (-32029, "RATE_LIMITED", 429),
        (-32030, "OVERLOADED", 503),
        (-32603, "INTERNAL_ERROR", 500),
        (1001, "UNAUTHENTICATED", 401),
        (1003, "FORBIDDEN", 403),
        (1102, "NOT_FOUND", 404),
        (1103, "VERSION_CONFLICT", 409),
        (1203, "TIME_IN_PAST", 422),
        (1301, "CONFLICT_INSTRUCTOR", 409),
        (1706, "DISK_FULL", 507),
        (1899, "OF_ANOTHER_VERSION", 500),
        (-32099, "OF_ANOTHER_VERSION", 500),
    ],
)
def test_an_error_has_the_status_of_its_symbol_or_of_its_hundred(
    code: int, symbol: str, status: int
) -> None:
    assert status_of(code, symbol) == status
