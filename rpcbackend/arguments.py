"""What the command line takes: every command with its options, and nothing of what they do."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from rpcbackend import __version__
from rpcbackend.exits import EX_USAGE


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints exit with 64, as sysexits wants it."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(EX_USAGE, f"{self.prog}: {message}\n")


class _Command(_Parser):
    """A parser of one command, whose options may stand before, between or behind the rest."""

    _is_mixing = False

    def parse_known_args(  # type: ignore[override]  # the two overloads of argparse in one
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        # argparse mixes for a whole command line alone, and not for one that has commands.
        if self._is_mixing:
            return super().parse_known_args(args, namespace)
        self._is_mixing = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._is_mixing = False


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line; what is asked for stands in `command`."""
    parser = _Parser(prog="rpcbackend", description="The backend of a driving school's desktop.")
    parser.add_argument("--version", action="version", version=f"rpcbackend {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Command)
    where = _Command(add_help=False)
    where.add_argument("--data-dir", type=Path, metavar="DIR", help="where the database is")

    _add_servers(commands, where)

    call = commands.add_parser("call", parents=[where], help="make one call and print the result")
    call.add_argument("channel", metavar="CHANNEL")
    call.add_argument(
        "params",
        metavar="JSON",
        nargs="?",
        default="{}",
        help="the params object; - reads it from stdin, as secrets must come",
    )

    describe = commands.add_parser("describe", help="print the contract")
    describe.add_argument(
        "--format",
        choices=(
            *("openrpc", "openapi", "jsonschema", "typescript", "markdown", "errors", "settings"),
        ),
        default="openrpc",
    )

    seed = commands.add_parser("seed", parents=[where], help="fill a store with the demo school")
    seed.add_argument("--students", type=_positive, default=560)
    seed.add_argument("--years", type=_positive, default=1)
    seed.add_argument("--seed", type=int, default=1, help="other numbers, other people")

    commands.add_parser(
        "rekey",
        parents=[where],
        help="change the key of the database; the current and the new one come on stdin",
    )

    doctor = commands.add_parser(
        "doctor",
        parents=[where],
        help="look at the data directory and say what to do; an encrypted one's key on stdin",
    )
    doctor.add_argument("--repair", action="store_true", help="mend what is safe to mend")
    doctor.add_argument(
        "--salvage", action="store_true", help="make a new database of what can still be read"
    )
    doctor.add_argument(
        "--replace", action="store_true", help="with --salvage: put it in the damaged one's place"
    )

    _add_copy_store(commands)

    backup = commands.add_parser(
        "backup", parents=[where], help="make a verified copy; the key comes on stdin"
    )
    backup.add_argument("--into", type=Path, metavar="DIR", help="not in the data directory")

    verify = commands.add_parser(
        "verify",
        parents=[where],
        help="look through the store, or a backup; the key comes on stdin",
    )
    verify.add_argument("backup", metavar="BACKUP", nargs="?", help="its path or its id")

    restore = commands.add_parser(
        "restore",
        parents=[where],
        help="put a backup in the place of the store, and keep that too; the key comes on stdin,"
        " and in the next line that of the store if it is another",
    )
    restore.add_argument("backup", metavar="BACKUP", help="its path or its id")
    restore.add_argument("--yes", action="store_true", help="ask nothing")
    restore.add_argument(
        "--in-place-of-unreadable",
        action="store_true",
        help="also where no key given opens the store: it is put aside as it is",
    )

    commands.add_parser(
        "migrate", parents=[where], help="bring the store up to date; the key comes on stdin"
    )

    replay = commands.add_parser(
        "replay",
        help="send a recorded transcript again and print the differences; keys come on stdin",
    )
    replay.add_argument("transcript", type=Path, metavar="TRANSCRIPT")
    replay.add_argument(
        "--against", type=Path, metavar="DIR", help="on a copy of this store, not on an empty one"
    )
    _add_allow(replay)
    replay.add_argument("--speed", choices=("fast", "recorded"), default="fast")
    replay.add_argument(
        "--keep", type=Path, metavar="FILE", help="copy it there, as a test, if nothing differs"
    )

    inspect = commands.add_parser(
        "inspect", help="write a page that shows a transcript; keys come on stdin"
    )
    inspect.add_argument("transcript", type=Path, metavar="TRANSCRIPT")
    inspect.add_argument(
        "-o", "--output", type=Path, metavar="FILE.html", help="instead of TRANSCRIPT.html"
    )
    inspect.add_argument(
        "--against", type=Path, metavar="SECOND", help="another transcript, to see what differs"
    )
    _add_allow(inspect)

    top = commands.add_parser(
        "top", parents=[where], help="show what a running backend does, live, until Ctrl-C"
    )
    top.add_argument("--once", action="store_true", help="show one picture and end")

    demo = commands.add_parser("demo", parents=[where], help="show a morning at the desk")
    demo.add_argument("--students", type=_positive, default=560)
    return parser


def _add_servers(commands: "argparse._SubParsersAction[_Command]", where: _Command) -> None:
    serve = commands.add_parser(
        "serve", parents=[where], help="speak the protocol on stdin and stdout"
    )
    serve.add_argument("--config", type=Path, metavar="FILE", help="settings in TOML")
    serve.add_argument("--log-level", help="TRACE, DEBUG, INFO, WARNING or ERROR")
    serve.add_argument("--http", metavar="HOST:PORT", help="open the mirror too; port 0 is any")
    serve.add_argument("--record", type=Path, metavar="FILE", help="write a transcript")

    http = commands.add_parser(
        "http",
        parents=[where],
        help="the mirror alone; the key of an encrypted database comes on stdin or in a file",
    )
    http.add_argument("--bind", metavar="HOST:PORT", help="where to listen; port 0 is any")
    http.add_argument("--config", type=Path, metavar="FILE", help="settings in TOML")
    http.add_argument("--log-level", help="TRACE, DEBUG, INFO, WARNING or ERROR")
    http.add_argument("--key-file", type=Path, metavar="FILE", help="yours alone to read")
    http.add_argument("--workers", type=_positive, default=1, metavar="N", help="processes")


def _add_copy_store(commands: "argparse._SubParsersAction[_Command]") -> None:
    copy = commands.add_parser(
        "copy-store", help="copy a school from a file to a PostgreSQL server, back, or between two"
    )
    copy.add_argument("source", metavar="FROM", help="a data directory, or postgresql://…")
    copy.add_argument("target", metavar="TO", help="the same; an unfinished copy goes on")
    copy.add_argument("--school", type=_positive, default=1, help="which one of a server's")
    copy.add_argument("--anew", action="store_true", help="begin an unfinished copy again")
    copy.add_argument("--encrypt", action="store_true", help="a new file's key comes on stdin too")


def _add_allow(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--allow",
        choices=("ids", "times", "numbers", "members"),
        action="append",
        default=[],
        help="what may differ, for another version or another store; can be given again",
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
