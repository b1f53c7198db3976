"""The contract as one page to read: plain HTML, without a script, made of the OpenRPC document."""

import base64
import hashlib
from collections.abc import Iterator
from html import escape
from itertools import groupby
from typing import Any

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 62rem; padding: 1rem; }
code { font-size: .9em; }
nav ul { columns: 16rem; padding-left: 1.2rem; }
section { border-top: 1px solid color-mix(in srgb, currentColor 25%, transparent); }
table { border-collapse: collapse; width: 100%; }
td, th { padding: .25rem .75rem .25rem 0; text-align: left; vertical-align: top; }
.facts { opacity: .75; }
.scrolls { overflow-x: auto; }
"""

POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)


def write_handbook(document: dict[str, Any], served: set[str]) -> str:
    """Return the page of the channels that are *served*, and of the objects that they take."""
    methods = [method for method in document["methods"] if method["name"] in served]
    schemas = document["components"]["schemas"]
    title = f"{document['info']['title']} {document['info']['version']}"
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
            f"<header><h1>{escape(title)}</h1><p>{_INTRODUCTION}</p></header><nav>",
            *(_area(area, list(of_area)) for area, of_area in groupby(methods, _area_of)),
            "</nav><main>",
            *(_channel(method, schemas) for method in methods),
            "<h2>Objects</h2>",
            *(_object(name, schema) for name, schema in sorted(schemas.items())),
            "</main></body></html>",
        ]
    )


_INTRODUCTION = (
    "Each channel is <code>POST /api/{channel}</code> with its params as the JSON body, or a"
    " method of <code>POST /rpc</code>. The answer is"
    ' <code>{"status", "data", "error"}</code>, and <code>data</code> the result.'
    ' The same for programs: <a href="/openapi.json">openapi.json</a>,'
    ' <a href="/openrpc.json">openrpc.json</a>.'
)


_AGAIN = {
    "key": "sent again with its Idempotency-Key it is answered as before",
    "once": "needs an Idempotency-Key, and sent again with it is answered as before",
    "natural": "sent again it changes nothing more",
    "none": "sent again it is done again",
}


def _area_of(method: dict[str, Any]) -> str:
    return str(method["name"]).partition(".")[0]


def _area(area: str, methods: list[dict[str, Any]]) -> str:
    links = "".join(f"<li>{_link(method['name'])}</li>" for method in methods)
    return f"<h2>{escape(area)}</h2><ul>{links}</ul>"


def _link(name: str) -> str:
    return f'<a href="#{escape(name)}"><code>{escape(name)}</code></a>'


def _channel(method: dict[str, Any], schemas: dict[str, Any]) -> str:
    name = escape(method["name"])
    errors = ", ".join(
        f'<abbr title="{escape(error["message"])}">{escape(error["data"]["code"])}</abbr>'
        for error in method["errors"]
    )
    return "".join(
        [
            f'<section id="{name}"><h2><code>{name}</code></h2>',
            *(f"<p>{escape(text)}</p>" for text in method["description"].split("\n\n")),
            f'<p class="facts">{" · ".join(map(escape, _facts(method)))}</p>',
            _table(schemas[method["x-params"]]),
            f"<p>Answers {_link(method['result']['name'])}.</p>",
            f"<p>Errors: {errors}.</p></section>",
        ]
    )


def _facts(method: dict[str, Any]) -> Iterator[str]:
    yield method["x-kind"]
    yield f"permission {method['x-permission']}"
    if method["x-kind"] != "query":
        yield _AGAIN[method["x-idempotency"]]
    if method["x-rev"]:
        yield "answers with an ETag"
    if method["x-events"]:
        yield "events " + ", ".join(method["x-events"])


def _object(name: str, schema: dict[str, Any]) -> str:
    description = escape(schema.get("description", ""))
    choices = ", ".join(f"<code>{escape(str(value))}</code>" for value in schema.get("enum", ()))
    return (
        f'<section id="{escape(name)}"><h3>{escape(name)}</h3><p>{description}</p>'
        f"{f'<p>{choices}</p>' if choices else ''}{_table(schema)}</section>"
    )


def _table(schema: dict[str, Any]) -> str:
    required = schema.get("required", ())
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{_type(field)}</td>"
        f"<td>{'required' if name in required else ''}</td>"
        f"<td>{escape(field.get('description', ''))}</td></tr>"
        for name, field in sorted(
            schema.get("properties", {}).items(), key=lambda member: member[0] not in required
        )
    )
    if not rows:
        return ""
    head = "<tr><th>member</th><th>type</th><th></th><th></th></tr>"
    return f'<div class="scrolls"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>'


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return _link(str(schema["$ref"]).rpartition("/")[2])
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return escape(str(schema.get("format") or schema.get("type", "any")))
