"""Every error a caller can get: code, symbol, type and what to do.

    RpcError
    ├── -32768 … -32000, -32800   JSON-RPC 2.0 section 5.1 and the state of the server
    └── 1001 … 1799               the school's own, by hundreds: access, request, time, calendar,
                                  money, exams and files, outside, safety

The docstring of a class is its default message. `docs/errors.md` is generated from here.
"""

from rpcbackend.rpc_error import RpcError

# JSON-RPC 2.0, section 5.1


class ParseError(RpcError):
    """The line is not UTF-8 JSON."""

    code, symbol, error_type = -32700, "PARSE_ERROR", "validation"


class InvalidRequestError(RpcError):
    """The JSON is not a JSON-RPC 2.0 request."""

    code, symbol, error_type = -32600, "INVALID_REQUEST", "validation"


class MethodNotFoundError(RpcError):
    """There is no such channel; rpc.discover lists them all."""

    code, symbol, error_type = -32601, "METHOD_NOT_FOUND", "validation"


class InvalidParamsError(RpcError):
    """The params do not fit the channel; details lists the paths and rules."""

    code, symbol, error_type = -32602, "INVALID_PARAMS", "validation"


# The state of the server


class RequestTooLargeError(RpcError):
    """The line is over the size limit and was discarded; send less at once."""

    code, symbol, error_type = -32010, "REQUEST_TOO_LARGE", "validation"


class ResponseTooLargeError(RpcError):
    """The reply is over the size limit; ask for fewer rows at once."""

    code, symbol, error_type = -32011, "RESPONSE_TOO_LARGE", "validation"


class NotInitializedError(RpcError):
    """The store is locked; send initialize with its databaseKey first."""

    code, symbol = -32012, "NOT_INITIALIZED"


class RateLimitedError(RpcError):
    """Too many calls in a short time; nothing was executed, wait for retryAfterMs."""

    code, symbol, error_type, retryable = -32029, "RATE_LIMITED", "validation", True


class OverloadedError(RpcError):
    """Too much is waiting; nothing was executed, try again shortly."""

    code, symbol, retryable = -32030, "OVERLOADED", True


class ShuttingDownError(RpcError):
    """The backend is shutting down; nothing was executed, try again after the restart."""

    code, symbol, retryable = -32031, "SHUTTING_DOWN", True


class DeadlineExceededError(RpcError):
    """The call ran out of time; outcome tells whether it took effect."""

    code, symbol, retryable = -32032, "DEADLINE_EXCEEDED", True


class UnavailableError(RpcError):
    """A service outside does not answer; what waits for it goes out by itself once it does."""

    code, symbol, error_type, retryable = -32033, "UNAVAILABLE", "network", True


class OutcomeUnknownError(RpcError):
    """The storage failed during the commit; send the call again with the same idempotency key."""

    code, symbol, retryable = -32034, "OUTCOME_UNKNOWN", True


class RequestCancelledError(RpcError):
    """The call was cancelled before it took effect."""

    code, symbol, error_type = -32800, "REQUEST_CANCELLED", "validation"


# 1000 access


class UnauthenticatedError(RpcError):
    """Sign in first: nobody is signed in here, or login and password do not fit."""

    code, symbol, error_type = 1001, "UNAUTHENTICATED", "business"


class SessionExpiredError(RpcError):
    """The session is over; sign in again."""

    code, symbol, error_type = 1002, "SESSION_EXPIRED", "business"


class ForbiddenError(RpcError):
    """This is not allowed to you; the owner of the school can change that."""

    code, symbol, error_type = 1003, "FORBIDDEN", "business"


class ScopeMissingError(RpcError):
    """The API key lacks the scope for this channel."""

    code, symbol, error_type = 1004, "SCOPE_MISSING", "business"


class MfaRequiredError(RpcError):
    """A one-time code is needed too; send the login again with mfaCode."""

    code, symbol, error_type = 1005, "MFA_REQUIRED", "business"


class AccountLockedError(RpcError):
    """Too many wrong passwords; wait for retryAfterMs before the next try."""

    code, symbol, error_type, retryable = 1006, "ACCOUNT_LOCKED", "business", True


class LastOwnerError(RpcError):
    """The school would be left without an active owner; make somebody else owner first."""

    code, symbol, error_type = 1008, "LAST_OWNER", "business"


class PasswordRequiredError(RpcError):
    """This wants a password given in the last five minutes; sign in again first."""

    code, symbol, error_type = 1010, "PASSWORD_REQUIRED", "business"


# 1100 request


class NotFoundError(RpcError):
    """There is no such record."""

    code, symbol, error_type = 1102, "NOT_FOUND", "business"

    @classmethod
    def of(cls, entity: str, key: str) -> "NotFoundError":
        """Name the entity and its id: both came from the caller and are no secret."""
        return cls(f"There is no {entity} with this id.", details={"entity": entity, "id": key})


class VersionConflictError(RpcError):
    """Somebody changed the record meanwhile; read it again and repeat the change."""

    code, symbol, error_type = 1103, "VERSION_CONFLICT", "business"


class IdempotencyKeyReusedError(RpcError):
    """This idempotency key was already used with other params; take a new key."""

    code, symbol, error_type = 1104, "IDEMPOTENCY_KEY_REUSED", "business"


class InvalidTransitionError(RpcError):
    """The record cannot go from its state to the wanted one."""

    code, symbol, error_type = 1105, "INVALID_TRANSITION", "business"


class DuplicateError(RpcError):
    """There is already such a record."""

    code, symbol, error_type = 1106, "DUPLICATE", "business"


class InUseError(RpcError):
    """Other records still need this one; details names them."""

    code, symbol, error_type = 1107, "IN_USE", "business"


class ReadOnlyModeError(RpcError):
    """Nothing is written for now; the message says what to do, details why."""

    code, symbol, error_type = 1108, "READ_ONLY_MODE", "business"

    @classmethod
    def because(cls, reason: str) -> "ReadOnlyModeError":
        """Name one of `schema.system.ReadOnlyReason`; only for want of room it passes by itself."""
        error = cls(_READ_ONLY[reason], details={"reason": reason})
        if reason == "disk":
            error.retryable, error.retry_after_ms = True, 5_000
        return error


_READ_ONLY = {
    "disk": "The disk is almost full; free some space, and writing goes on by itself.",
    "damage": "The database is damaged and stays as it is: end the program and use"
    " `rpcbackend restore` or `rpcbackend doctor --salvage`.",
    "file_system": "The database's folder cannot be written; allow it, then start again.",
    "setting": "The setting read_only forbids to write; take it out, then start again.",
}


class CursorInvalidError(RpcError):
    """The cursor does not belong to this list; start again without one."""

    code, symbol, error_type = 1110, "CURSOR_INVALID", "business"


class LimitExceededError(RpcError):
    """The question asks for more than one answer may hold."""

    code, symbol, error_type = 1111, "LIMIT_EXCEEDED", "business"


# 1200 time


class TimeInPastError(RpcError):
    """The lesson would start in the past; choose a later time."""

    code, symbol, error_type = 1203, "TIME_IN_PAST", "business"


class OutsideHorizonError(RpcError):
    """The lesson would end too far in the future; choose an earlier time."""

    code, symbol, error_type = 1204, "OUTSIDE_HORIZON", "business"


class ZoneUnknownError(RpcError):
    """There is no such time zone; use an IANA name such as Europe/Berlin."""

    code, symbol, error_type = 1206, "ZONE_UNKNOWN", "business"


class TimeNotOnGridError(RpcError):
    """Lessons start on whole minutes."""

    code, symbol, error_type = 1207, "TIME_NOT_ON_GRID", "business"


# 1300 calendar


class InstructorConflictError(RpcError):
    """The instructor is busy then."""

    code, symbol, error_type = 1301, "CONFLICT_INSTRUCTOR", "business"


class VehicleConflictError(RpcError):
    """The vehicle is taken then."""

    code, symbol, error_type = 1302, "CONFLICT_VEHICLE", "business"


class StudentConflictError(RpcError):
    """The student has another appointment then."""

    code, symbol, error_type = 1303, "CONFLICT_STUDENT", "business"


class RoomConflictError(RpcError):
    """The room is taken then."""

    code, symbol, error_type = 1304, "CONFLICT_ROOM", "business"


class VehicleUnfitError(RpcError):
    """The vehicle is not in service."""

    code, symbol, error_type = 1311, "VEHICLE_UNFIT", "business"


class PrerequisiteMissingError(RpcError):
    """Something has to be true first; details says what."""

    code, symbol, error_type = 1316, "PREREQUISITE_MISSING", "business"


# 1400 money


class CurrencyMismatchError(RpcError):
    """The branch takes another currency; details name it."""

    code, symbol, error_type = 1403, "CURRENCY_MISMATCH", "business"


# 1500 exams and files


class TemplateError(RpcError):
    """The template cannot be filled in; details names what it asks for."""

    code, symbol, error_type = 1508, "TEMPLATE_ERROR", "business"


class FileRefusedError(RpcError):
    """The file cannot be written there; choose another folder."""

    code, symbol, error_type = 1510, "FILE_REFUSED", "business"


# 1600 outside


class SignatureInvalidError(RpcError):
    """The message is not signed by whom it claims to come from."""

    code, symbol, error_type = 1602, "SIGNATURE_INVALID", "business"


class ReplayDetectedError(RpcError):
    """The message is too old to be taken for a new one."""

    code, symbol, error_type = 1603, "REPLAY_DETECTED", "business"


class ConsentMissingError(RpcError):
    """The person has not agreed to such messages; record the consent first."""

    code, symbol, error_type = 1604, "CONSENT_MISSING", "business"


class UrlRefusedError(RpcError):
    """The address cannot be used; details.reason says what is wrong: form, scheme, port or host."""

    code, symbol, error_type = 1605, "URL_REFUSED", "business"


# 1700 safety


class BackupInvalidError(RpcError):
    """The backup is not whole, not sound, or under another key; details says what is wrong."""

    code, symbol, error_type = 1704, "BACKUP_INVALID", "business"


class SchemaTooNewError(RpcError):
    """The database was written by a newer version of this program; install that version."""

    code, symbol, error_type = 1705, "SCHEMA_TOO_NEW", "business"


class ServerDatabaseError(RpcError):
    """A server keeps the database: its backups, keys and files are the server's; use its tools."""

    code, symbol, error_type = 1707, "SERVER_DATABASE", "business"


class DiskFullError(RpcError):
    """The disk is full; free some space and try again."""

    code, symbol, error_type, retryable = 1706, "DISK_FULL", "business", True
