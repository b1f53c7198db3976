"""Whether a text is one that its field can hold: a name that slipped into another field is not.

Only what is unmarked is asked about. Numbers and marks are others' business. Where a field says of
no form, it holds what the program itself gives out: ids, channels, who acts by himself.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import orjson

from rpcbackend.contract.shipped import read_contract
from rpcbackend.schema.base import WireModel
from rpcbackend.schema.meta import CallMeta
from rpcbackend.security.redaction import fields_of

_FORMATS = {
    "date-time": re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"),
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
}


_GIVEN_OUT = re.compile(
    r"[a-z]{2,4}_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    r"|key_[0-9A-Za-z]{8}|cor_[0-9a-f]{16}"
    # A backup, or the number of a version.
    r"|\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ-[a-z-]+(-\d+)?|[0-9.]{1,20}"
    # The etag of a calendar.
    r"|[0-9a-f]{32}"
    r"|local|nobody|jobs|access|monitor|clock|seed|contractor|replay"
)


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
        return any(self._fits(branch, text) for branch in branches)

    def fitted_params(
        self, model: type[WireModel], params: Any, replace: Callable[[Any], Any]
    ) -> Any:
        """Return params, by name or by position, with the same replaced, in `_meta` too."""
        if isinstance(params, list):
            names = fields_of(model)
            named = self.fitted_params(model, dict(zip(names, params, strict=False)), replace)
            return [*named.values(), *params[len(names) :]]
        kept = self.fitted(model, params, replace)
        if isinstance(kept, dict) and "_meta" in kept:
            kept["_meta"] = self.fitted(CallMeta, kept["_meta"], replace)
        return kept

    def fitted(self, model: type[WireModel], params: Any, replace: Callable[[Any], Any]) -> Any:
        """Return params by name with everything replaced that its unmarked field cannot hold."""
        if not isinstance(params, dict):
            return params
        fields = fields_of(model)
        return {
            name: value
            if name not in fields or fields[name].mark is not None
            else self._fitting(model.__name__, name, value, replace)
            for name, value in params.items()
        }

    def _fitting(
        self,
        model: str,
        field: str,
        value: Any,
        replace: Callable[[Any], Any],
        *,
        is_item: bool = False,
    ) -> Any:
        if isinstance(value, list) and not is_item:
            return [self._fitting(model, field, item, replace, is_item=True) for item in value]
        is_text = isinstance(value, str)
        if isinstance(value, list) or (
            is_text and not self.can_hold(model, field, value, is_item=is_item)
        ):
            return replace(value)
        return value

    @cached_property
    def _channels(self) -> frozenset[str]:
        return frozenset(method["name"] for method in self._contract["methods"])

    def _branches(self, schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        if "$ref" in schema:
            yield from self._branches(self._schemas[schema["$ref"].rpartition("/")[2]])
        for choice in schema.get("anyOf", ()):
            yield from self._branches(choice)
        if "anyOf" not in schema and "$ref" not in schema:
            yield schema

    def _fits(self, schema: Mapping[str, Any], text: str) -> bool:
        if "const" in schema:
            return bool(schema["const"] == text)
        if schema.get("type") != "string":
            return False
        if "enum" in schema:
            return text in schema["enum"]
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]].fullmatch(text) is not None
        if "pattern" in schema:
            return re.search(schema["pattern"], text) is not None
        return text in self._channels or _GIVEN_OUT.fullmatch(text) is not None


FIELDS = Fields()
"""Those of the contract; it is read when they are first asked for."""
