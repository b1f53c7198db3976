"""A PostgreSQL server for the tests: one for the session, in a folder of its own, on a socket."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

USER = "postgres"

# What would make it slow and makes it safe, for data that nobody wants to keep.
_FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "listen_addresses": "",
    "log_min_messages": "panic",
}


HAS_SOCKETS = sys.platform != "win32"
"""Whether this system has the kind of sockets on which the tests reach it."""


@cache
def binaries() -> Path:
    """Return the folder of the server's programs.

    Raises:
        FileNotFoundError: This machine has none: the tests fail, for they would prove nothing.
    """
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    folders += [Path(found).parent for found in [shutil.which("pg_isready")] if found]
    found = next((folder for folder in folders if (folder / "initdb").exists()), None)
    if found is None:
        raise FileNotFoundError("no PostgreSQL server: apt-get install postgresql")
    return found


class Cluster:
    """A server that is there until it is stopped, or this process ends.

    Args:
        settings: In the place of those that make it quick, or beside them.
    """

    def __init__(self, **settings: str) -> None:
        self._bin = binaries()
        self.folder = Path(tempfile.mkdtemp(prefix="rpcbackend-pg-"))
        self._settings = _FAST | settings
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        # It refuses to run as root.
        if os.getuid() == 0:
            shutil.chown(self.folder, USER, USER)
        self._run("initdb", "-D", str(self.folder / "data"), "-U", USER, "-A", "trust", "-N")
        self.start()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"postgresql://{USER}@/postgres?host={self.folder}"

    def start(self) -> None:
        """Start it, and wait until it serves."""
        command = ["setpriv", "--pdeathsig", "INT", "--", str(self._bin / "postgres")]
        command += ["-D", str(self.folder / "data"), "-k", str(self.folder)]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        self._process = subprocess.Popen(  # noqa: S603 (our own command)
            # It ends with us, however we do.
            command,
            user=USER if os.getuid() == 0 else None,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._run("pg_isready", "-h", str(self.folder), "-t", "10", times=1_000)

    def create(self) -> str:
        """Make an empty database, and return where it is."""
        self._databases += 1
        name = f"test_{self._databases}"
        self._run("createdb", "-h", str(self.folder), "-U", USER, name)
        return f"postgresql://{USER}@/{name}?host={self.folder}"

    def restart(self, by: signal.Signals) -> None:
        """End it by a signal (SIGINT is fast, SIGQUIT immediate), and start it again."""
        assert self._process is not None
        self._process.send_signal(by)
        self._process.wait()
        self.start()

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._process is not None
        pid = self._process.pid
        # Each connection has a process, which serves on for a moment when it is alone.
        others = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        self._process.kill()
        for other in others:
            with suppress(ProcessLookupError):
                os.kill(int(other), signal.SIGKILL)
        self._process.wait()
        (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        """End it, and remove what it wrote."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait()
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments: str, times: int = 1) -> None:
        for _ in range(times):
            done = subprocess.run(  # noqa: S603 (our own command)
                [self._bin / program, *arguments],
                user=USER if os.getuid() == 0 else None,
                capture_output=True,
                check=False,
            )
            if done.returncode == 0:
                return
        raise RuntimeError(f"{program}: {done.stderr.decode()}")


def clusters() -> Iterator[Cluster]:
    """Give one, and stop it."""
    cluster = Cluster()
    yield cluster
    cluster.stop()
