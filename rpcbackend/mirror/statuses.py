"""Which HTTP status tells of which error: the one table, and the rule for what it does not name."""

from rpcbackend.rpc_error import RpcError

STATUSES = {
    "PARSE_ERROR": 400,
    "INVALID_REQUEST": 400,
    "METHOD_NOT_FOUND": 404,
    "INVALID_PARAMS": 422,
    "INTERNAL_ERROR": 500,
    "REQUEST_TOO_LARGE": 413,
    "RESPONSE_TOO_LARGE": 422,
    "NOT_INITIALIZED": 503,
    "RATE_LIMITED": 429,
    "OVERLOADED": 503,
    "SHUTTING_DOWN": 503,
    "DEADLINE_EXCEEDED": 504,
    "UNAVAILABLE": 503,
    "OUTCOME_UNKNOWN": 503,
    "REQUEST_CANCELLED": 503,
    "UNAUTHENTICATED": 401,
    "SESSION_EXPIRED": 401,
    "MFA_REQUIRED": 401,
    "ACCOUNT_LOCKED": 429,
    "LAST_OWNER": 409,
    "NOT_FOUND": 404,
    # As draft-ietf-httpapi-idempotency-key-header section 2.7 wants it.
    "IDEMPOTENCY_KEY_REUSED": 422,
    "READ_ONLY_MODE": 503,
    "CURSOR_INVALID": 422,
    "LIMIT_EXCEEDED": 422,
    "SIGNATURE_INVALID": 401,
    "URL_REFUSED": 422,
    "SCHEMA_TOO_NEW": 503,
    "DISK_FULL": 507,
}

_BY_HUNDRED = {10: 403, 11: 409, 12: 422, 13: 409, 14: 409, 15: 422, 16: 409, 17: 409}
"""For the school's own errors: what access forbids, what the state of things, what the input."""


def status_of(code: int, symbol: str) -> int:
    """Return the HTTP status of an error."""
    return STATUSES.get(symbol) or _BY_HUNDRED.get(code // 100, 500)


def status_of_error(error: type[RpcError]) -> int:
    """Return the HTTP status of a kind of errors."""
    return status_of(error.code, error.symbol)
