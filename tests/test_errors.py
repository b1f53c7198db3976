"""Each error has its own code and symbol, and says something."""

from typing import Any

import pytest

from rpcbackend.errors import NotFoundError, OverloadedError, ReadOnlyModeError
from rpcbackend.rpc_error import RpcError, default_message


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the errors that a test declares, afterwards."""
    monkeypatch.setattr(RpcError, "by_code", dict(RpcError.by_code))


@pytest.mark.parametrize(
    ("code", "symbol"),
    [
        (1102, "SOMETHING_NEW"),
        (1999, "NOT_FOUND"),
        (-32603, "SOMETHING_NEW"),
        (-32001, "SOMETHING_NEW"),
        (-32002, "SOMETHING_NEW"),
        (-32096, "SOMETHING_NEW"),
        (-32099, "SOMETHING_NEW"),
    ],
)
def test_a_taken_code_or_symbol_is_refused(code: int, symbol: str) -> None:
    members = {"__doc__": "Something new.", "code": code, "symbol": symbol}

    with pytest.raises(TypeError, match=f"NewError: code {code} or symbol {symbol} is taken"):
        type("NewError", (RpcError,), members)

    assert all(error.__name__ != "NewError" for error in RpcError.by_code.values())


def test_an_error_without_a_message_is_refused() -> None:
    with pytest.raises(TypeError, match="NewError has no docstring, so no message"):
        type("NewError", (RpcError,), {"code": 1999, "symbol": "SOMETHING_NEW"})


def test_a_new_error_is_known_by_its_code() -> None:
    new: Any = type(
        "NewError",
        (RpcError,),
        {"__doc__": "Something new.\n\nMore of it.", "code": 1999, "symbol": "SOMETHING_NEW"},
    )

    assert RpcError.by_code[1999] is new
    assert default_message(new) == "Something new."
    assert (new().message, new().error_type, new().retryable) == ("Something new.", "system", False)


def test_an_error_has_the_message_of_its_class_unless_it_brings_one() -> None:
    plain = OverloadedError()
    told = OverloadedError("Too much.", details={"a": 1}, outcome="unknown", retry_after_ms=5)

    assert str(plain) == plain.message == default_message(OverloadedError)
    assert (plain.details, plain.outcome, plain.retry_after_ms) == (None, "none", None)
    assert str(told) == told.message == "Too much."
    assert (told.details, told.outcome, told.retry_after_ms) == ({"a": 1}, "unknown", 5)


def test_what_is_not_found_is_named() -> None:
    error = NotFoundError.of("student", "stu_1")

    assert error.message == "There is no student with this id."
    assert error.details == {"entity": "student", "id": "stu_1"}


def test_codes_lie_in_the_ranges_of_the_contract() -> None:
    for code, error in RpcError.by_code.items():
        assert error.code == code
        if error.error_type == "business":
            assert 1_001 <= code <= 1_799
        else:
            assert -32_768 <= code <= -32_000 or code == -32_800


def test_a_refusal_for_damage_names_the_commands_that_mend_it() -> None:
    message = ReadOnlyModeError.because("damage").message

    assert "`rpcbackend restore`" in message
    assert "`rpcbackend doctor --salvage`" in message
