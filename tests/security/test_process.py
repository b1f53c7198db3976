"""The process keeps its memory and its files to itself; tests/e2e/test_secrecy.py sees it live."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.clauses import clause

PROGRAM = """
import ctypes, os, resource, sys
from rpcbackend.security.process import harden, make_files_private
make_files_private()
harden()
harden()
open(sys.argv[1], "w").close()
os.mkdir(sys.argv[1] + ".d")
print(
    resource.getrlimit(resource.RLIMIT_CORE),
    ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) if sys.platform == "linux" else 0,
    *(oct(os.stat(sys.argv[1] + end).st_mode & 0o777) for end in ("", ".d")),
)
"""


@clause("keys-stay-inside", "files-private")
def test_a_hardened_process_leaves_no_core_and_nothing_for_others_to_read(tmp_path: Path) -> None:
    said = subprocess.check_output(  # noqa: S603 (our own program)
        [sys.executable, "-c", PROGRAM, tmp_path / "file"], encoding="utf-8"
    )

    assert said == "(0, 0) 0 0o600 0o700\n"


COMMANDS = {
    "call": "from rpcbackend import oneshot; oneshot.call_once('ping', '{}', data_dir)",
    "rekey": "from rpcbackend.care import rekey; rekey.rekey_directory(data_dir, io.StringIO(''))",
}

COMMAND = """
import ctypes, io, os, pathlib, resource, sys
data_dir = pathlib.Path(sys.argv[1])
os.umask(0)
resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
{}
print(
    resource.getrlimit(resource.RLIMIT_CORE),
    ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) if sys.platform == "linux" else 0,
    oct(os.umask(0)),
)
"""


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_is_given_keys_or_passwords_is_hardened(
    tmp_path: Path, command: str
) -> None:
    said = subprocess.check_output(  # noqa: S603 (our own program)
        [sys.executable, "-c", COMMAND.format(COMMANDS[command]), tmp_path],
        encoding="utf-8",
        stderr=subprocess.DEVNULL,
    )

    assert said.splitlines()[-1] == "(0, 0) 0 0o77"
