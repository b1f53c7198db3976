"""Links of the OpenAPI document: where the answer of one operation leads to the next."""

import re
from typing import Any

from rpcbackend.dispatch.registry import Method

_DATA = "$response.body#/data"
_PREFIX = re.compile(r"^\^([a-z]{3})_")


def links_of(
    method: Method, methods: list[Method], schemas: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return the links from a channel's answer, by name.

    A page leads to the next one. An answer that holds a record, or a page of them, leads to the
    channels that cannot do without the id of such a record; with its version, where they expect one
    of the same area. What names a record alone, as the answer that begins a job, leads there too.
    """
    links = {}
    if _has_next_page(method):
        links["next"] = {
            "operationId": method.channel,
            "requestBody": {"cursor": "$response.body#/data/nextCursor"},
            "description": "The next page, with the same params; there is none at null.",
        }
    for prefix, path in _ids_in(schemas[method.result.__name__], schemas).items():
        for other in methods:
            param = _param_of(prefix, schemas[other.params.__name__])
            if param is not None:
                links[other.channel] = {
                    "operationId": other.channel,
                    "requestBody": {param: f"{_DATA}{path}"}
                    | _version(method, other, path, schemas),
                }
    return links


def _has_next_page(method: Method) -> bool:
    return "next_cursor" in method.result.model_fields and "cursor" in method.params.model_fields


def _ids_in(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, str]:
    """Find the ids of records in an answer: its own, of a member, or of the first of its items."""
    found: dict[str, str] = {}
    members, items = {"": schema}, {}
    for name, member in schema.get("properties", {}).items():
        if "$ref" in member:
            members[f"/{name}"] = _resolved(member, schemas)
        elif member.get("type") == "array" and "$ref" in member["items"]:
            items[f"/{name}/0"] = _resolved(member["items"], schemas)
        elif (prefix := _prefix_of(member)) and "id" not in schema["properties"]:
            found[prefix] = f"/{name}"
    # Of those of one kind the first: a record before the list of those that are like it.
    for path, place in (members | items).items():
        prefix = _prefix_of(place.get("properties", {}).get("id", {}))
        if prefix is not None:
            found.setdefault(prefix, f"{path}/id")
    return found


def _version(method: Method, other: Method, path: str, schemas: dict[str, Any]) -> dict[str, str]:
    """Return where the version of a record stands that a channel of its own area expects."""
    same_area = method.channel.partition(".")[0] == other.channel.partition(".")[0]
    expected = "expectedVersion" in schemas[other.params.__name__]["properties"]
    if not (same_area and expected and path.endswith("/id")):
        return {}
    return {"expectedVersion": f"{_DATA}{path.removesuffix('id')}version"}


def _param_of(prefix: str, schema: dict[str, Any]) -> str | None:
    """Return the param that a channel cannot do without and that is an id of this kind."""
    for name in schema.get("required", ()):
        if _prefix_of(schema["properties"][name]) == prefix:
            return str(name)
    return None


def _prefix_of(schema: dict[str, Any]) -> str | None:
    found = _PREFIX.match(schema.get("pattern", ""))
    return found[1] if found else None


def _resolved(ref: dict[str, str], schemas: dict[str, Any]) -> dict[str, Any]:
    model: dict[str, Any] = schemas[ref["$ref"].rpartition("/")[2]]
    return model
