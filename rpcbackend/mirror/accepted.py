"""What a caller would rather have, by the weights that he gives (RFC 9110 section 12.4.2)."""

import re

_WEIGHT = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


def weights_of(accepted: list[str]) -> dict[str, float]:
    """Read a header of such a list, however many lines it comes in: from name to weight."""
    weights: dict[str, float] = {}
    for each in ",".join(accepted).lower().split(","):
        name, *params = (part.strip() for part in each.split(";"))
        if name:
            weights[name] = _weight(params)
    return weights


def wants_problem(accepted: list[str]) -> bool:
    """Tell whether problem details are as welcome as JSON: who names them knows what they are."""
    weights = weights_of(accepted)
    problem = weights.get("application/problem+json", 0.0)
    any_json = weights.get("application/*", weights.get("*/*", 0.0))
    return problem > 0 and problem >= weights.get("application/json", any_json)


def _weight(params: list[str]) -> float:
    for param in params:
        name, _, value = param.partition("=")
        if name.strip() == "q":
            # What is no weight is no wish.
            return float(value) if _WEIGHT.fullmatch(value.strip()) else 0.0
    return 1.0
