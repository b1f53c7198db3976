"""The parts of the OpenAPI document that no channel has a hand in."""

from typing import Any

from rpcbackend.mirror.answers import JSON


def answer(data: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an APIResponse that went well."""
    return {
        "type": "object",
        "properties": {"status": {"const": "ok"}, "data": data, "error": {"type": "null"}},
        "required": ["status", "data", "error"],
        "additionalProperties": False,
    }


def ref(model: str) -> dict[str, str]:
    """Refer to a model."""
    return {"$ref": f"#/components/schemas/{model}"}


def _header(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "schema": schema}


_TEXT = {"type": "string"}

HEADERS = {
    "ETag": _header("Names this state of the answer, for `If-None-Match`.", _TEXT),
    "IdempotencyReplayed": _header(
        "`true`: the key was known, and this is the reply that was stored.", {"const": "true"}
    ),
    "Link": _header('`rel="next"` with the cursor of the next page, where there is one.', _TEXT),
    "RetryAfter": _header("In seconds.", {"type": "integer", "minimum": 0}),
}

_KEY = {"type": "string", "minLength": 1, "maxLength": 128}


def _in_header(
    name: str, description: str, schema: dict[str, Any], *, required: bool = False
) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": description,
        "schema": schema,
    }


PARAMETERS = {
    "IdempotencyKey": _in_header(
        "Idempotency-Key", "A new one for each wish, the same one when it is sent again.", _KEY
    ),
    "IdempotencyKeyRequired": _in_header(
        "Idempotency-Key", "Needed: this is never done twice.", _KEY, required=True
    ),
    "IfNoneMatch": _in_header("If-None-Match", "The `ETag` of what the caller has.", _TEXT),
}

_ERROR_TYPES = ["network", "validation", "business", "system"]


def own_schemas() -> dict[str, Any]:
    """Return the models that the answers are wrapped in."""
    return {
        "ErrorResponse": {
            "type": "object",
            "description": "What went wrong; never a value that was sent.",
            "properties": {
                "code": {"type": "string", "pattern": "^[A-Z][A-Z_]*$"},
                "message": _TEXT,
                "type": {"type": "string", "enum": _ERROR_TYPES},
                # A job that failed has them as null.
                "details": {
                    "anyOf": [{"type": "object", "additionalProperties": True}, {"type": "null"}]
                },
                "timestamp": {"type": "integer", "description": "Milliseconds since the epoch."},
                "retryable": {"type": "boolean"},
                "retryAfterMs": {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]},
                "outcome": {"type": "string", "enum": ["none", "committed", "unknown"]},
                "correlationId": _TEXT,
            },
            "required": [
                *("code", "message", "type", "timestamp"),
                *("retryable", "outcome", "correlationId"),
            ],
            "additionalProperties": False,
        },
        "Failure": {
            "type": "object",
            "description": "An APIResponse that tells of an error.",
            "properties": {
                "status": {"const": "error"},
                "data": {"type": "null"},
                "error": ref("ErrorResponse"),
            },
            "required": ["status", "data", "error"],
            "additionalProperties": False,
        },
        "Problem": {
            "type": "object",
            "description": "Problem details (RFC 9457), to those who accept them.",
            "properties": {
                "type": {"type": "string", "format": "uri"},
                "title": _TEXT,
                "status": {"type": "integer"},
                "detail": _TEXT,
                "instance": {"type": "string", "format": "uri"},
                "error": ref("ErrorResponse"),
            },
            "required": ["type", "title", "status", "detail", "instance", "error"],
            "additionalProperties": False,
        },
        "MirrorHealth": {
            "type": "object",
            "properties": {
                "status": {"type": "string", "enum": ["ok", "read_only", "damaged"]},
                "version": _TEXT,
            },
            "required": ["status", "version"],
            "additionalProperties": False,
        },
    }


def own_paths() -> dict[str, Any]:
    """Return the operations that are no channels."""
    failures = {
        str(status): {"$ref": f"#/components/responses/{status}"}
        for status in (400, 401, 403, 408, 421, 422, 429, 431, 500, 503)
    }
    return {
        "/api/health": {
            "get": {
                "operationId": "health",
                "summary": "Say whether the process serves.",
                "security": [],
                "responses": {
                    "200": {
                        "description": "It does.",
                        "content": {JSON: {"schema": answer(ref("MirrorHealth"))}},
                    }
                }
                | {key: failures[key] for key in ("400", "408", "421", "429", "431", "500", "503")},
            }
        },
        "/api/events": {
            "get": {
                "operationId": "events",
                "summary": "Send events, from now on or from after a known one.",
                "parameters": [
                    {
                        "name": "types",
                        "in": "query",
                        "description": "All types when it is left out.",
                        "schema": {"type": "array", "items": _TEXT, "maxItems": 100},
                        "style": "form",
                        "explode": False,
                    },
                    {
                        "name": "afterSeq",
                        "in": "query",
                        "schema": {"type": "integer", "minimum": 0},
                    },
                    {
                        "name": "Last-Event-ID",
                        "in": "header",
                        "description": "In the place of afterSeq: how a browser resumes.",
                        "schema": {"type": "string", "pattern": "^[0-9]{1,16}$"},
                    },
                ],
                "responses": {
                    "200": {
                        "description": "Each `data` is an event, each `id` its seq.",
                        "content": {"text/event-stream": {"schema": _TEXT}},
                    }
                }
                | failures,
            }
        },
    }


def tell_by_pattern(schema: Any) -> None:
    """Leave out the format of params that have a pattern.

    Generators make a type of their own of a `date-time`, and write `+00:00` in the place of `Z`.
    """
    match schema:
        case dict():
            if "pattern" in schema:
                schema.pop("format", None)
            for inner in schema.values():
                tell_by_pattern(inner)
        case list():
            for inner in schema:
                tell_by_pattern(inner)
