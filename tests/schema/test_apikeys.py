"""The wire models of API keys."""

import pytest

from rpcbackend.schema.apikeys import CreateApiKey, RevokeApiKey
from rpcbackend.security.roles import SCOPES
from tests.schema.fits import broken, written

CREATE = {"name": "Website", "scopes": ["students:read"]}


def test_a_key_lives_for_ninety_days_unless_told_otherwise() -> None:
    assert written(CreateApiKey.model_validate(CREATE)) == CREATE | {"days": 90}


def test_every_scope_fits() -> None:
    assert broken(CreateApiKey, CREATE | {"scopes": sorted(SCOPES)}) == []


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"name": " "}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["students"]}, "scopes.0"),
        ({"scopes": ["*:read"]}, "scopes.0"),
        ({"scopes": ["students:*"]}, "scopes.0"),
        ({"days": 0}, "days"),
        ({"days": 366}, "days"),
        ({"userId": "usr_1"}, "userId"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_by_its_path(given: dict[str, object], path: str) -> None:
    assert broken(CreateApiKey, CREATE | given) == [path]


def test_a_key_is_named_by_its_eight_characters() -> None:
    assert broken(RevokeApiKey, {"keyId": "aB3dE6gH"}) == []
    assert broken(RevokeApiKey, {"keyId": "rpk_aB3dE6gH"}) == ["keyId"]
