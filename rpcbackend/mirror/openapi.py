"""The OpenAPI 3.1 document: one operation for each channel, made of the same contract."""

import copy
from typing import Any

from rpcbackend.contract.openrpc import build_openrpc, errors_of
from rpcbackend.dispatch.registry import Method, Registry
from rpcbackend.errors import (
    DeadlineExceededError,
    InvalidRequestError,
    MethodNotFoundError,
    ParseError,
    RequestTooLargeError,
)
from rpcbackend.methods import build_registry
from rpcbackend.mirror.answers import JSON, PROBLEM
from rpcbackend.mirror.openapi_examples import answer_examples, error_example, params_examples
from rpcbackend.mirror.openapi_links import links_of
from rpcbackend.mirror.openapi_others import other_paths, other_schemas
from rpcbackend.mirror.openapi_parts import (
    HEADERS,
    PARAMETERS,
    answer,
    own_paths,
    own_schemas,
    ref,
    tell_by_pattern,
)
from rpcbackend.mirror.routes import OPEN, serves
from rpcbackend.mirror.statuses import status_of_error
from rpcbackend.protocol.codec import canonical
from rpcbackend.rpc_error import RpcError

_IN_BODIES = ("timeoutMs", "dryRun")
"""Of `_meta`: the rest has headers, nowhere to go, or no meaning yet."""

_PHRASES = {
    400: "The request cannot be read.",
    408: "The request takes too long to come.",
    401: "Nobody is signed in, or not by this.",
    403: "This is not allowed to the caller.",
    404: "There is no such thing.",
    409: "It does not go with what is there.",
    413: "The body is too large.",
    415: "The body is no JSON.",
    421: "Nobody is served here by that name.",
    422: "The params do not fit.",
    429: "Too many requests; `Retry-After` says when.",
    431: "The head of the request is too long.",
    500: "A bug; the correlation id finds it in the log.",
    503: "Not now; nothing was done unless `outcome` says so.",
    504: "It took too long; `outcome` tells whether it was done.",
    507: "The disk is full.",
}
_OF_ALL = (400, 408, 413, 415, 421, 429, 431, 500, 503)

_OWN_ERRORS: dict[int, tuple[type[RpcError], ...]] = {
    400: (ParseError, InvalidRequestError),
    404: (MethodNotFoundError,),
    408: (DeadlineExceededError,),
    413: (RequestTooLargeError,),
    415: (InvalidRequestError,),
    421: (InvalidRequestError,),
    431: (RequestTooLargeError,),
    500: (RpcError,),
}
"""What no channel answers, and what has a status of its own here."""


def describe_openapi() -> str:
    """Return the document as `rpcbackend describe` prints it."""
    return canonical(build_openapi(build_registry())).decode()


def build_openapi(registry: Registry) -> dict[str, Any]:
    """Return the document of what is served; equal registries give equal documents."""
    methods = [method for method in registry if serves(method)]
    rpc = build_openrpc(registry)
    schemas = copy.deepcopy(rpc["components"]["schemas"])
    schemas["CallMeta"]["properties"] = {
        name: field
        for name, field in schemas["CallMeta"]["properties"].items()
        if name in _IN_BODIES
    }
    for model in {method.params.__name__ for method in methods}:
        _allow_meta(schemas[model], "CallMeta")
        tell_by_pattern(schemas[model])
    for model in {method.result.__name__ for method in methods}:
        _allow_meta(schemas[model], "ResultMeta")
    schemas |= own_schemas() | other_schemas()
    errors = _errors_by_status(methods)
    return {
        "openapi": "3.1.0",
        "info": rpc["info"] | {"description": _DESCRIPTION},
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"apiKey": []}],
        "tags": [{"name": area} for area in sorted({_area_of(method) for method in methods})],
        "paths": own_paths()
        | other_paths()
        | {f"/api/{one.channel}": {"post": _operation(one, methods, schemas)} for one in methods},
        "components": {
            "schemas": schemas,
            "headers": HEADERS,
            "parameters": PARAMETERS,
            "responses": {
                str(status): _failure(status, errors.get(status, {})) for status in sorted(_PHRASES)
            },
            "examples": {
                symbol: error_example(error)
                for of_status in errors.values()
                for symbol, error in sorted(of_status.items())
            },
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


_DESCRIPTION = """\
Everything behind a driving school's desktop window. Each operation is a channel: the body is its \
params, and `data` of the answer is its result. Queries change nothing, whatever the method says: \
they are sent by POST so that no name stands in an address."""


def _operation(method: Method, methods: list[Method], schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": method.channel,
        "tags": [_area_of(method)],
        "summary": method.summary,
        "description": _described(method),
        "requestBody": {
            "required": True,
            "content": {
                JSON: {
                    "schema": ref(method.params.__name__),
                    "examples": params_examples(method, schemas),
                }
            },
        },
        "responses": {"200": _success(method, methods, schemas)} | _failures(method),
        "x-kind": method.kind,
        "x-idempotency": method.idempotency,
        "x-permission": method.permission.value,
    }
    parameters = _parameters_of(method)
    if parameters:
        operation["parameters"] = parameters
    if method.channel in OPEN:
        operation["security"] = []
    return operation


def _described(method: Method) -> str:
    errors = ", ".join(f"`{error.symbol}`" for error in errors_of(method))
    return f"{method.description}\n\nErrors: {errors}."


def _parameters_of(method: Method) -> list[dict[str, str]]:
    parameters = []
    if method.may_repeat:
        once = method.idempotency == "once"
        parameters.append(_parameter("IdempotencyKeyRequired" if once else "IdempotencyKey"))
    if method.kept is not None:
        parameters.append(_parameter("IfNoneMatch"))
    return parameters


def _success(method: Method, methods: list[Method], schemas: dict[str, Any]) -> dict[str, Any]:
    headers = {}
    if method.kept is not None:
        headers["ETag"] = {"$ref": "#/components/headers/ETag"}
    if method.may_repeat:
        headers["Idempotency-Replayed"] = {"$ref": "#/components/headers/IdempotencyReplayed"}
    if "next_cursor" in method.result.model_fields:
        headers["Link"] = {"$ref": "#/components/headers/Link"}
    success: dict[str, Any] = {
        "description": "Done.",
        "content": {
            JSON: {
                "schema": answer(ref(method.result.__name__)),
                "examples": answer_examples(method, schemas),
            }
        },
    }
    if headers:
        success["headers"] = headers
    if links := links_of(method, methods, schemas):
        success["links"] = links
    return success


def _failures(method: Method) -> dict[str, Any]:
    statuses = {*_OF_ALL, *(status_of_error(error) for error in errors_of(method))}
    if method.channel not in OPEN:
        statuses |= {401, 403}
    failures: dict[str, Any] = {
        str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(statuses)
    }
    if method.kept is not None:
        failures["304"] = {"description": "It is as the tag in `If-None-Match` says."}
    return failures


def _errors_by_status(methods: list[Method]) -> dict[int, dict[str, type[RpcError]]]:
    """Sort all errors that there can be by the status that tells of them, and by their symbol."""
    found = {status: {each.symbol: each for each in own} for status, own in _OWN_ERRORS.items()}
    errors = {error for method in methods for error in errors_of(method)}
    for error in sorted(errors, key=lambda each: each.code):
        found.setdefault(status_of_error(error), {})[error.symbol] = error
    return found


def _failure(status: int, errors: dict[str, type[RpcError]]) -> dict[str, Any]:
    examples = {symbol: {"$ref": f"#/components/examples/{symbol}"} for symbol in sorted(errors)}
    failure: dict[str, Any] = {
        "description": _PHRASES[status],
        "content": {
            JSON: {"schema": ref("Failure"), "examples": examples},
            PROBLEM: {"schema": ref("Problem")},
        },
    }
    if status in (429, 503):
        failure["headers"] = {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}}
    return failure


def _allow_meta(schema: dict[str, Any], model: str) -> None:
    schema.setdefault("properties", {})["_meta"] = ref(model)


def _area_of(method: Method) -> str:
    return method.channel.partition(".")[0]


def _parameter(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/parameters/{name}"}
