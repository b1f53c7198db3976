"""Whether params fit their model."""

from typing import Any

from pydantic import ValidationError

from rpcbackend.schema.base import WireModel


def broken(model: type[WireModel], value: dict[str, Any]) -> list[str]:
    """Return the paths at which a value does not fit a model."""
    try:
        model.model_validate(value)
    except ValidationError as refused:
        return sorted({".".join(map(str, error["loc"])) for error in refused.errors()})
    return []


def written(model: WireModel) -> dict[str, Any]:
    """Return a model as the wire has it."""
    return model.model_dump(mode="json")
