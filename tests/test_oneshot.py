"""One call from the shell: what it prints and how it exits."""

from io import BytesIO
from pathlib import Path

import orjson
import pytest

from rpcbackend import oneshot
from rpcbackend.oneshot import call_once
from rpcbackend.store import DirectoryLock


@pytest.fixture(autouse=True)
def hardened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Spare this process; tests/security/test_process.py sees it done in one of its own."""
    done: list[str] = []
    for name in ("make_files_private", "harden"):
        monkeypatch.setattr(oneshot, name, lambda name=name: done.append(name))
    return done


def test_a_result_is_printed_for_reading(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_once("branches.list", "{}", tmp_path) == 0

    out, err = capsys.readouterr()
    assert orjson.loads(out) == {"items": [], "_meta": {"seq": 0}}
    assert out.startswith('{\n  "items": []')
    assert err == ""


def test_a_refusal_goes_to_stderr_and_exits_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_once("students.get", "{}", tmp_path) == 1

    out, err = capsys.readouterr()
    assert out == ""
    assert orjson.loads(err)["data"]["code"] == "INVALID_PARAMS"


def test_a_job_is_waited_for_and_printed_as_it_has_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_once("backups.create", "{}", tmp_path) == 0

    job = orjson.loads(capsys.readouterr().out)
    assert job["state"] == "done"
    assert (tmp_path / "backups" / f"{job['result']['backupId']}.db").is_file()
    assert call_once("backups.verify", '{"path": "/nowhere/x.db"}', tmp_path) == 0
    assert orjson.loads(capsys.readouterr().out)["result"]["restorable"] is False


def test_params_that_are_no_json_exit_with_64(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_once("students.get", "{", tmp_path) == 64

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("rpcbackend: the params are not JSON: ")


def test_params_may_come_by_position(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call_once("students.get", '["stu_1", 2]', tmp_path) == 1

    assert orjson.loads(capsys.readouterr().err)["data"]["code"] == "INVALID_PARAMS"


def test_a_directory_in_use_exits_with_69(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = DirectoryLock(tmp_path)

    assert call_once("branches.list", "{}", tmp_path) == 69

    assert "is in use by another rpcbackend" in capsys.readouterr().err
    lock.release()


def test_without_a_directory_the_user_s_own_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    assert call_once("branches.list", "{}", None) == 0

    assert (tmp_path / "rpcbackend" / "school.db").exists()
    assert orjson.loads(capsys.readouterr().out)["items"] == []


# Secrets


LOGIN = {"login": "eva", "password": "korrekt pferd batterie"}


@pytest.mark.parametrize(
    ("channel", "params", "named"),
    [
        ("auth.login", LOGIN, "password"),
        ("auth.login", ["eva", "korrekt pferd batterie"], "password"),
        ("auth.changePassword", {"newPassword": "x", "currentPassword": "y"}, "newPassword"),
        ("auth.refresh", {"refreshToken": "x"}, "refreshToken"),
        ("keys.rekey", {"newDatabaseKey": "A" * 43}, "newDatabaseKey"),
        ("initialize", {"databaseKey": "A" * 43}, "databaseKey"),
        ("students.list", {"_meta": {"token": "rpk_x"}}, "_meta.token"),
        ("keys.rekey", {"_meta": {"capability": "x"}}, "_meta.capability"),
    ],
)
def test_a_secret_on_the_command_line_exits_with_64_and_is_not_repeated(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    channel: str,
    params: object,
    named: str,
) -> None:
    assert call_once(channel, orjson.dumps(params).decode(), tmp_path / "data") == 64

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"rpcbackend: others can read the command line: give {named}")
    assert err.endswith(" on stdin, with - as params\n")
    assert "korrekt" not in err
    assert not (tmp_path / "data").exists()


def test_params_are_read_from_stdin_when_a_dash_stands_for_them(
    tmp_path: Path, hardened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    class Stdin(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            hardened.append("read")
            return super().read(size)

    assert call_once("auth.login", "-", tmp_path, Stdin(orjson.dumps(LOGIN))) == 1

    assert orjson.loads(capsys.readouterr().err)["data"]["code"] == "UNAUTHENTICATED"
    assert hardened == ["make_files_private", "harden", "read"]


def test_what_is_no_json_on_stdin_exits_with_64(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_once("auth.login", "-", tmp_path, BytesIO(b"korrekt pferd")) == 64

    err = capsys.readouterr().err
    assert err.startswith("rpcbackend: the params are not JSON: ")
    assert "korrekt" not in err


@pytest.mark.parametrize("params", ["7", "null", '"password"'])
def test_params_of_no_kind_are_left_to_the_channel(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], params: str
) -> None:
    assert call_once("auth.login", params, tmp_path) == 1

    assert capsys.readouterr().out == ""
