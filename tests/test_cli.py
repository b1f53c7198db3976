"""The command line: what it takes, what it refuses, and with which code."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rpcbackend import __version__, oneshot, serve
from rpcbackend.cli import main
from rpcbackend.config import Settings
from rpcbackend.contract.describe import describe


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["serve", "--colour"],
        ["serve", "--data-dir"],
        ["call"],
        ["call", "a", "b", "c"],
        ["call", "a", "--data-dir", "b", "c", "d"],
        ["call", "a", "--colour", "b"],
        ["describe", "--format", "yaml"],
        ["seed", "--students", "0"],
        ["demo", "--students", "many"],
    ],
    ids=" ".join,
)
def test_what_is_not_understood_exits_with_64(
    arguments: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exited:
        main(arguments)

    out, err = capsys.readouterr()
    assert (exited.value.code, out) == (64, "")
    assert err.startswith("usage: rpcbackend")


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [(["--version"], f"rpcbackend {__version__}\n"), (["--help"], "usage: rpcbackend")],
    ids=["version", "help"],
)
def test_what_asks_about_the_program_exits_with_0(
    arguments: Sequence[str], shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exited:
        main(arguments)

    assert exited.value.code == 0
    assert capsys.readouterr().out.startswith(shown)


@pytest.mark.parametrize(
    "form", ["openrpc", "jsonschema", "typescript", "markdown", "errors", "settings"]
)
def test_describe_prints_the_contract(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", "--format", form]) == 0

    assert capsys.readouterr().out == describe(form)


def test_call_hands_on_channel_params_and_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls: list[Any] = []

    def note(*given: Any) -> int:
        calls.append(given)
        return 7

    monkeypatch.setattr(oneshot, "call_once", note)

    assert main(["call", "ping"]) == 7
    where = ("--data-dir", str(tmp_path))
    assert main(["call", "ping", *where]) == 7
    assert main(["call", "a.b", '{"c":1}', *where]) == 7
    assert main(["call", "a.b", *where, '{"c":1}']) == 7
    assert main(["call", *where, "a.b", "-"]) == 7
    assert calls == [
        ("ping", "{}", None),
        ("ping", "{}", tmp_path),
        ("a.b", '{"c":1}', tmp_path),
        ("a.b", '{"c":1}', tmp_path),
        ("a.b", "-", tmp_path),
    ]


def test_serve_takes_its_settings_from_file_and_options(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    served: list[Settings] = []

    def note(settings: Settings) -> int:
        served.append(settings)
        return 0

    monkeypatch.setattr(serve, "serve", note)
    config = tmp_path / "config.toml"
    config.write_text("drain_seconds = 2\n[log]\nlevel = 'ERROR'\n", encoding="utf-8")

    options = ["--config", str(config), "--data-dir", str(tmp_path), "--log-level", "DEBUG"]
    assert main(["serve", *options]) == 0

    (settings,) = served
    assert (settings.data_dir, settings.drain_seconds) == (tmp_path, 2.0)
    assert settings.log.level == "DEBUG"


@pytest.mark.parametrize("text", ["unknown = 1", "no toml", None], ids=["unknown", "bad", "none"])
def test_a_configuration_that_cannot_be_used_exits_with_78(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None
) -> None:
    config = tmp_path / "config.toml"
    if text is not None:
        config.write_text(text, encoding="utf-8")

    assert main(["serve", "--config", str(config)]) == 78

    assert capsys.readouterr().err.startswith("rpcbackend: the configuration cannot be used: ")


@pytest.mark.parametrize(
    "arguments",
    [["call", "ping"], ["verify"], ["top", "--once"], ["doctor"], ["seed"], ["http"]],
    ids=" ".join,
)
def test_every_command_that_has_settings_says_which_of_them_does_not_fit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.setenv("RPCBACKEND_API__PORT", "70000")

    assert main(arguments) == 78

    assert capsys.readouterr().err == (
        "rpcbackend: the configuration cannot be used:"
        " api.port: Input should be less than or equal to 65535\n"
    )


def test_what_only_the_file_may_set_exits_with_78_when_the_environment_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RPCBACKEND_OUTSIDE__ALLOW_PRIVATE", "true")

    assert main(["serve"]) == 78

    assert "outside.allow_private" in capsys.readouterr().err


def test_a_bug_exits_with_70_and_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> int:
        raise RuntimeError("nobody expected this")

    monkeypatch.setattr(oneshot, "call_once", fail)

    assert main(["call", "ping"]) == 70

    assert "RuntimeError: nobody expected this" in capsys.readouterr().err
