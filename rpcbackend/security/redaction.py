"""JSON without what its schema marks as secret or personal (`SECRET`, `PERSONAL`).

Knows neither logs nor transcripts: each says what stands in the place of what is taken out.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

from rpcbackend.schema.base import PERSONAL, SECRET, WireModel
from rpcbackend.schema.meta import CallMeta

Mark = Literal["secret", "personal"]
Replace = Callable[[Mark, Any], Any]
"""Returns what takes the place of a marked value."""

_MARKS: Mapping[str, Mark] = {
    **dict.fromkeys(SECRET, "secret"),
    **dict.fromkeys(PERSONAL, "personal"),
}


def redact(model: type[WireModel], value: Any, replace: Replace) -> Any:
    """Return *value*, the JSON of a *model*, with every marked value replaced.

    What the model does not know counts as secret: a misspelt `password` holds one all the same.
    Names stay, and so does null, which says nothing.
    """
    if not isinstance(value, dict):
        return _unknown(value, replace)
    fields = fields_of(model)
    return {
        name: _redact_field(fields.get(name, _STRANGER), given, replace)
        for name, given in value.items()
    }


def redact_params(model: type[WireModel], params: Any, replace: Replace) -> Any:
    """Return the `params` of a request, by name or by position, with every marked value replaced.

    Raises nothing, whatever the peer sent: what does not fit counts as secret.
    """
    if isinstance(params, list):
        names = list(fields_of(model))
        named = redact(model, dict(zip(names, params, strict=False)), replace)
        return [*named.values(), *(_unknown(more, replace) for more in params[len(names) :])]
    if not isinstance(params, dict):
        return _unknown(params, replace)
    own = {name: given for name, given in params.items() if name != "_meta"}
    redacted = redact(model, own, replace)
    if "_meta" in params:
        redacted["_meta"] = redact(CallMeta, params["_meta"], replace)
    return redacted


def redact_result(model: type[WireModel], result: Any, replace: Replace) -> Any:
    """Return the `result` of a reply with every marked value replaced; its `_meta` is all ours."""
    if not isinstance(result, dict) or "_meta" not in result:
        return redact(model, result, replace)
    own = {name: given for name, given in result.items() if name != "_meta"}
    return {**redact(model, own, replace), "_meta": result["_meta"]}


@dataclass(frozen=True, slots=True)
class Field:
    """What the schema says of one field."""

    mark: Mark | None
    models: tuple[type[WireModel], ...]
    """Those that its objects may be."""
    is_open: bool
    """Whether it holds objects that no model describes."""


@cache
def fields_of(model: type[WireModel]) -> Mapping[str, Field]:
    """Return the fields of a model by their names on the wire, in their order."""
    return {info.alias or to_camel(name): _read(info) for name, info in model.model_fields.items()}


_STRANGER = Field("secret", (), is_open=False)


def _redact_field(field: Field, value: Any, replace: Replace) -> Any:
    if value is None:
        return None
    if field.mark is not None:
        return replace(field.mark, value)
    if isinstance(value, list) and not field.is_open:
        return [_redact_field(field, item, replace) for item in value]
    if field.models:
        return redact(_fitting(field.models, value), value, replace)
    if isinstance(value, dict) and not field.is_open:
        return _unknown(value, replace)
    return value


def _fitting(models: tuple[type[WireModel], ...], value: Any) -> type[WireModel]:
    names = set(value) if isinstance(value, dict) else set()
    return next((model for model in models if names <= fields_of(model).keys()), models[0])


def _unknown(value: Any, replace: Replace) -> Any:
    return None if value is None else replace("secret", value)


def _read(info: FieldInfo) -> Field:
    parts = [info.annotation, *_parts(info.annotation)]
    marks = [_mark_of(info), *(_mark_of(part) for part in parts)]
    return Field(
        mark=next((mark for mark in marks if mark is not None), None),
        models=tuple(
            part for part in parts if isinstance(part, type) and issubclass(part, WireModel)
        ),
        is_open=any(part is Any or part is dict or get_origin(part) is dict for part in parts),
    )


def _parts(annotation: Any) -> Iterator[Any]:
    """Return all that an annotation is made of, the remarks of `Annotated` among it."""
    inner = annotation.__metadata__ if get_origin(annotation) is Annotated else ()
    for part in (*get_args(annotation), *inner):
        yield part
        yield from _parts(part)


def _mark_of(part: Any) -> Mark | None:
    extra = part.json_schema_extra if isinstance(part, FieldInfo) else None
    if isinstance(extra, dict):
        return next((_MARKS[name] for name in extra if name in _MARKS), None)
    return None
