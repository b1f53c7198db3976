"""SELECT lists that make SQLite write an entity's JSON, derived from its wire model.

Rows become wire JSON without a detour through Python objects: 304 µs against 853 for a week (D5).
"""

import types
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

from rpcbackend.schema.base import WireModel


@cache
def json_object(model: type[WireModel], **columns: str) -> str:
    """Return the SQL expression that builds *model* from columns named like its fields.

    Args:
        model: The entity.
        columns: The SQL for a field whose column has another name; it must be JSON where the field
            is an object, a list or a flag.
    """
    members = (
        f"'{field.alias}', {columns.get(name) or _column(name, field.annotation)}"
        for name, field in model.model_fields.items()
    )
    return f"json_object({', '.join(members)})"


def instant(column: str) -> str:
    """Return the SQL that writes epoch seconds as an instant of the wire."""
    return f"strftime('%Y-%m-%dT%H:%M:%SZ', {column}, 'unixepoch')"


def _column(name: str, annotation: Any) -> str:
    plain = plain_type(annotation)
    if plain is datetime:
        return instant(name)
    if plain is bool:
        return f"json(iif({name} = 1, 'true', 'false'))"
    if get_origin(plain) in (list, tuple, dict) or _is_object(plain):
        return f"json({name})"
    return name


def _is_object(plain: Any) -> bool:
    return isinstance(plain, type) and issubclass(plain, WireModel)


def plain_type(annotation: Any) -> Any:
    """Take `Annotated` and `| None` off a type."""
    if get_origin(annotation) is Annotated:
        return plain_type(get_args(annotation)[0])
    if get_origin(annotation) in (types.UnionType, Union):
        return plain_type(next(part for part in get_args(annotation) if part is not type(None)))
    return annotation
