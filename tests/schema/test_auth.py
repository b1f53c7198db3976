"""The wire models of signing in."""

from typing import Any

import pytest

from rpcbackend.methods import build_registry
from rpcbackend.schema.auth import (
    Bootstrap,
    ChangePassword,
    EnrolMfa,
    LogIn,
    LogOut,
    Refresh,
)
from rpcbackend.schema.base import WireModel
from tests.factories import an_id
from tests.schema.fits import broken, written

LOGIN = {"login": "ada", "password": "as it is typed "}


def test_a_password_is_taken_as_it_is_typed_and_a_login_without_its_edges() -> None:
    assert written(LogIn.model_validate(LOGIN | {"login": " ada "})) == LOGIN | {
        "mfaCode": None,
        "recoveryCode": None,
        "client": "desk",
    }
    assert broken(LogIn, {}) == ["login", "password"]


@pytest.mark.parametrize(
    ("model", "given", "path"),
    [
        (LogIn, LOGIN | {"password": ""}, "password"),
        (LogIn, LOGIN | {"password": "x" * 4_097}, "password"),
        (LogIn, LOGIN | {"login": " "}, "login"),
        (LogIn, LOGIN | {"login": "a\nb"}, "login"),
        (LogIn, LOGIN | {"mfaCode": "12345"}, "mfaCode"),
        (LogIn, LOGIN | {"mfaCode": "12345६"}, "mfaCode"),
        (LogIn, LOGIN | {"mfaCode": "123456", "recoveryCode": "a"}, ""),
        (LogIn, LOGIN | {"recoveryCode": "x" * 101}, "recoveryCode"),
        (LogIn, LOGIN | {"client": ""}, "client"),
        (LogIn, LOGIN | {"roles": ["owner"]}, "roles"),
        (Bootstrap, LOGIN | {"roles": ["owner"]}, "roles"),
        (Refresh, {"refreshToken": "x" * 201}, "refreshToken"),
        (LogOut, {"allSessions": 1}, "allSessions"),
        (ChangePassword, {"newPassword": "x", "userId": "usr_1"}, "userId"),
        (ChangePassword, {}, "newPassword"),
        (EnrolMfa, {"code": 123456}, "code"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_by_its_path(
    model: type[WireModel], given: dict[str, Any], path: str
) -> None:
    assert broken(model, given) == [path]


def test_one_s_own_password_is_meant_unless_another_s_is_named() -> None:
    assert written(ChangePassword.model_validate({"newPassword": "x"})) == {
        "userId": None,
        "currentPassword": None,
        "newPassword": "x",
    }
    assert broken(ChangePassword, {"newPassword": "x", "userId": an_id("usr")}) == []


SECRETS = {
    "accessToken",
    "code",
    "currentPassword",
    "mfaCode",
    "newPassword",
    "password",
    "recoveryCode",
    "recoveryCodes",
    "refreshToken",
    "secret",
    "secretUri",
}


def test_every_secret_is_marked_as_one() -> None:
    marked = {
        name
        for method in build_registry()
        for model in (method.params, method.result)
        if method.channel.startswith(("auth.", "apikeys."))
        for name, field in model.model_json_schema(by_alias=True).get("properties", {}).items()
        if field.get("x-secret")
    }

    assert marked == SECRETS
