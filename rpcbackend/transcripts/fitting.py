"""Whether a text is one that its field can hold: a name that slipped into another field is not.

Only what is unmarked is asked about. Numbers and marks are others' business.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import orjson

from rpcbackend.contract.shipped import read_contract

_FORMATS = {
    "date-time": re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"),
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
}


class Fields:
    """The params of all channels, as the contract has them."""

    @cached_property
    def _contract(self) -> Mapping[str, Any]:
        contract: Mapping[str, Any] = orjson.loads(read_contract())
        return contract

    @cached_property
    def _schemas(self) -> Mapping[str, Any]:
        schemas: Mapping[str, Any] = self._contract["components"]["schemas"]
        return schemas

    def is_contract(self, member: str, value: Any) -> bool:
        """Tell whether a member of a document is the contract's own, which everybody may read."""
        return member in self._contract and bool(self._contract[member] == value)

    def can_hold(self, model: str, field: str, text: str, *, is_item: bool = False) -> bool:
        """Tell whether a text fits a field of a model, or the list in it."""
        properties = self._schemas.get(model, {}).get("properties", {})
        branches = self._branches(properties.get(field, {}))
        if is_item:
            branches = (
                each for found in branches for each in self._branches(found.get("items", {}))
            )
        return any(_fits(branch, text) for branch in branches)

    def _branches(self, schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        if "$ref" in schema:
            yield from self._branches(self._schemas[schema["$ref"].rpartition("/")[2]])
        for choice in schema.get("anyOf", ()):
            yield from self._branches(choice)
        if "anyOf" not in schema and "$ref" not in schema:
            yield schema


def _fits(schema: Mapping[str, Any], text: str) -> bool:
    if "const" in schema:
        return bool(schema["const"] == text)
    if schema.get("type") != "string":
        return False
    if "enum" in schema:
        return text in schema["enum"]
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]].fullmatch(text) is not None
    return re.search(schema.get("pattern", ""), text) is not None
