"""One call from the shell: what it prints and how it exits."""

from pathlib import Path

import orjson
import pytest

from rpcbackend.oneshot import call_once
from rpcbackend.store import DirectoryLock


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
