"""The OpenRPC 1.3 document of a registry: every channel, its models, errors and events."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from rpcbackend import __version__
from rpcbackend.dispatch.registry import Method, Registry
from rpcbackend.errors import (
    DeadlineExceededError,
    ForbiddenError,
    IdempotencyKeyReusedError,
    InvalidParamsError,
    NotInitializedError,
    OverloadedError,
    PasswordRequiredError,
    RateLimitedError,
    ReadOnlyModeError,
    RequestCancelledError,
    ScopeMissingError,
    SessionExpiredError,
    ShuttingDownError,
    UnauthenticatedError,
)
from rpcbackend.rpc_error import RpcError, default_message
from rpcbackend.schema.events import PROCESS_EVENTS, Event
from rpcbackend.schema.lifecycle import Ready
from rpcbackend.schema.meta import CallMeta, ResultMeta
from rpcbackend.schema.metrics import Metrics
from rpcbackend.schema.progress import Progress
from rpcbackend.security.roles import Permission

REF = "#/components/schemas/{model}"

_ALWAYS: tuple[type[RpcError], ...] = (
    InvalidParamsError,
    RequestCancelledError,
    DeadlineExceededError,
    RateLimitedError,
    OverloadedError,
    ShuttingDownError,
)
_FOR_STRANGERS: tuple[type[RpcError], ...] = (
    UnauthenticatedError,
    SessionExpiredError,
    ForbiddenError,
    ScopeMissingError,
)
_BESIDE_CHANNELS: tuple[type[BaseModel], ...] = (
    *(CallMeta, Event, Metrics, Progress, Ready, ResultMeta),
)


class _Schema(GenerateJsonSchema):
    """JSON Schema without a title for each field: generators make a type of each title."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 (the hook's form)
        return False


def build_openrpc(registry: Registry) -> dict[str, Any]:
    """Return the document; equal registries give equal documents."""
    models = [
        *((method.params, "validation") for method in registry),
        *((method.result, "serialization") for method in registry),
        *((method.job_result, "serialization") for method in registry if method.job_result),
        *((model, "serialization") for model in _BESIDE_CHANNELS),
    ]
    unique = list(dict.fromkeys(models))
    _, schemas = models_json_schema(unique, ref_template=REF, schema_generator=_Schema)  # type: ignore[arg-type]  # the mode is a literal
    definitions = schemas["$defs"]
    return {
        "openrpc": "1.3.2",
        "info": {
            "title": "rpcbackend",
            "version": __version__,
            "description": "Everything behind a driving school's desktop window. Every param "
            "object may also carry `_meta` (schema CallMeta), and so may every result (schema "
            "ResultMeta).",
            "license": {"name": "MIT"},
        },
        "methods": [_describe(method, definitions) for method in registry],
        "components": {"schemas": definitions},
        "x-notifications": [
            {"name": "system.ready", "params": _ref(Ready)},
            {"name": "event", "params": _ref(Event)},
            {"name": "$/progress", "params": _ref(Progress)},
            {"name": "system.metrics", "params": _ref(Metrics)},
        ],
        "x-events": sorted(
            {*PROCESS_EVENTS, *(event for method in registry for event in method.events)}
        ),
    }


def errors_of(method: Method) -> list[type[RpcError]]:
    """List the errors that a channel may answer with, INTERNAL_ERROR aside, by code."""
    errors = {*_ALWAYS, *method.errors}
    if method.permission is not Permission.PUBLIC:
        errors.update(_FOR_STRANGERS)
    if method.step_up:
        errors.add(PasswordRequiredError)
    if method.needs_store:
        errors.add(NotInitializedError)
    if method.main_only:
        errors.add(ForbiddenError)
    if method.kind == "command" and method.needs_store:
        errors.add(ReadOnlyModeError)
    if method.may_repeat:
        errors.add(IdempotencyKeyReusedError)
    return sorted(errors, key=lambda error: error.code)


def _describe(method: Method, definitions: dict[str, Any]) -> dict[str, Any]:
    schema = definitions[method.params.__name__]
    required = set(schema.get("required", ()))
    return {
        "name": method.channel,
        "summary": method.summary,
        "description": method.description,
        "paramStructure": "either",
        "params": [
            {"name": name, "required": name in required, "schema": field}
            for name, field in schema.get("properties", {}).items()
        ],
        "result": {"name": method.result.__name__, "schema": _ref(method.result)},
        "errors": [
            {
                "code": error.code,
                "message": default_message(error),
                "data": {
                    "code": error.symbol,
                    "type": error.error_type,
                    "retryable": error.retryable,
                },
            }
            for error in errors_of(method)
        ],
        "x-params": method.params.__name__,
        "x-kind": method.kind,
        "x-cost": method.cost,
        "x-idempotency": method.idempotency,
        "x-permission": method.permission,
        "x-events": list(method.events),
        "x-main-only": method.main_only,
        "x-step-up": method.step_up,
        "x-rev": method.kept is not None,
    } | ({"x-job-result": method.job_result.__name__} if method.job_result else {})


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REF.format(model=model.__name__)}
