"""Operations of the OpenAPI document for others than callers of channels."""

from typing import Any

from rpcbackend.mirror.answers import JSON
from rpcbackend.mirror.openapi_parts import answer, ref
from rpcbackend.schema.base import id_pattern

_TEXT = {"type": "string"}
_IDS = {"type": ["string", "number", "null"]}
_VERSION = {"const": "2.0"}


def other_schemas() -> dict[str, Any]:
    """Return the messages of JSON-RPC."""
    return {
        "RpcMessage": {
            "type": "object",
            "description": "A request, or without `id` a notification.",
            "properties": {
                "jsonrpc": _VERSION,
                "id": _IDS,
                "method": _TEXT,
                # Of two types in one schema generators make nothing.
                "params": {"anyOf": [{"type": "object"}, {"type": "array", "items": {}}]},
            },
            "required": ["jsonrpc", "method"],
            "additionalProperties": False,
        },
        "RpcReply": {
            "type": "object",
            "description": "`result`, or `error`.",
            "properties": {
                "jsonrpc": _VERSION,
                "id": _IDS,
                "result": {"type": "object"},
                "error": {
                    "type": "object",
                    "properties": {
                        "code": {"type": "integer"},
                        "message": _TEXT,
                        "data": ref("ErrorResponse"),
                    },
                    "required": ["code", "message", "data"],
                    "additionalProperties": False,
                },
            },
            "required": ["jsonrpc", "id"],
            "additionalProperties": False,
        },
    }


def other_paths() -> dict[str, Any]:
    """Return the operations."""
    return {
        "/rpc": {"post": _rpc()},
        "/feeds/{token}.ics": {"get": _feed()},
        "/api/webhooks/{provider}": {"post": _webhook()},
        "/metrics": {"get": _metrics()},
    }


def _rpc() -> dict[str, Any]:
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    pong = {"jsonrpc": "2.0", "id": 1, "result": {}}
    return {
        "operationId": "rpc",
        "summary": "Take a message of JSON-RPC 2.0, or a batch of them.",
        "description": "Whatever was a message is answered by 200, errors too.",
        "requestBody": {
            "required": True,
            "content": {
                JSON: {
                    "schema": _one_or_many("RpcMessage"),
                    "examples": {"one": {"value": ping}, "batch": {"value": [ping, ping]}},
                }
            },
        },
        "responses": {
            "200": {
                "description": "The reply, or the replies in any order.",
                "content": {
                    JSON: {
                        "schema": _one_or_many("RpcReply"),
                        "examples": {"one": {"value": pong}, "batch": {"value": [pong, pong]}},
                    }
                },
            },
            "204": {"description": "They were notifications alone."},
        }
        | _failures(400, 401, 404, 408, 413, 415, 421, 422, 429, 431, 500, 503),
    }


def _one_or_many(model: str) -> dict[str, Any]:
    return {"oneOf": [ref(model), {"type": "array", "items": ref(model), "minItems": 1}]}


def _feed() -> dict[str, Any]:
    return {
        "operationId": "feed",
        "summary": "Return a calendar to whoever has its address.",
        "security": [],
        "parameters": [
            {
                "name": "token",
                "in": "path",
                "required": True,
                "description": "Of `feeds.create`, which answers the whole address.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 100},
            },
            {"$ref": "#/components/parameters/IfNoneMatch"},
        ],
        "responses": {
            "200": {
                "description": "The calendar (RFC 5545).",
                "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
                "content": {"text/calendar": {"schema": _TEXT, "example": _CALENDAR}},
            },
            "304": {"description": "It is as the tag in `If-None-Match` says."},
        }
        | _failures(400, 401, 404, 408, 421, 422, 429, 431, 500, 503),
    }


_CALENDAR = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//rpcbackend//feeds//EN\r\nEND:VCALENDAR\r\n"


def _webhook() -> dict[str, Any]:
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    return {
        "operationId": "webhook",
        "summary": "Take what a service tells, signed as Standard Webhooks 1.0 says.",
        "security": [],
        "parameters": [
            {
                "name": "provider",
                "in": "path",
                "required": True,
                "schema": {"type": "string", "pattern": id_pattern("prv").pattern},
            },
            *({"name": name, "in": "header", "required": True, "schema": _TEXT} for name in names),
        ],
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": {}, "examples": {"paid": {"value": _PAID}}}},
        },
        "responses": {
            "200": {
                "description": "It is known now.",
                "content": {
                    JSON: {
                        "schema": answer(ref("ReceivedWebhook")),
                        "examples": {"taken": {"value": _TAKEN}},
                    }
                },
            }
        }
        | _failures(400, 401, 409, 408, 413, 415, 421, 422, 429, 431, 500, 503),
    }


_PAID = {
    "type": "payment.paid",
    "reference": "pay_00000000-0000-7000-8000-000000000001",
    "amountMinor": 4_500,
    "currency": "EUR",
}
_TAKEN = {"status": "ok", "data": {"outcome": "taken", "isDuplicate": False}, "error": None}


def _metrics() -> dict[str, Any]:
    return {
        "operationId": "metrics",
        "summary": "Return the figures of `system.metrics` as Prometheus reads them.",
        "responses": {
            "200": {
                "description": "Its text format 0.0.4.",
                "content": {"text/plain": {"schema": _TEXT}},
            }
        }
        | _failures(400, 401, 403, 408, 421, 429, 431, 500, 503),
    }


def _failures(*statuses: int) -> dict[str, Any]:
    return {str(status): {"$ref": f"#/components/responses/{status}"} for status in statuses}
