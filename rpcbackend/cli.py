"""The command line: `rpcbackend COMMAND`; `serve` imports nothing it does not need (D9)."""

import argparse
import gc
import os
import sys
from collections.abc import Sequence

from rpcbackend.arguments import make_parser
from rpcbackend.exits import EX_BUG, EX_CONFIG, EX_USAGE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = make_parser().parse_args(arguments)
    # Scanning every installed package for pydantic plugins costs up to 15 ms; there are none.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    command = _COMMANDS[given.command]
    try:
        return command(given)
    except Exception as error:  # noqa: BLE001 (the outermost boundary: a bug has its own exit code)
        return _tell(error)


def _tell(error: Exception) -> int:
    from rpcbackend.config import ConfigurationError

    if isinstance(error, ConfigurationError):
        _complain(f"the configuration cannot be used: {error}")
        return EX_CONFIG
    import traceback

    traceback.print_exception(error)
    return EX_BUG


def _serve(given: argparse.Namespace) -> int:
    # Nothing that is imported is garbage, and looking for it costs 25 ms. On again once it serves.
    gc.disable()
    from rpcbackend.options import settings_of
    from rpcbackend.serve import serve

    try:
        return serve(settings_of(given, bind=given.http, record=given.record))
    finally:
        gc.enable()


def _http(given: argparse.Namespace) -> int:
    from rpcbackend.options import settings_of

    settings = settings_of(given, bind=given.bind)
    if given.workers > 1:
        if settings.database.url is None:
            _complain("several workers share a server's database; SQLite's is one process's")
            return EX_USAGE
        from rpcbackend.crew import serve_crew

        return serve_crew(settings, given.workers, stdin=sys.stdin)
    from rpcbackend.alone import serve_alone

    return serve_alone(settings, key_file=given.key_file, stdin=sys.stdin)


def _call(given: argparse.Namespace) -> int:
    from rpcbackend.oneshot import call_once

    return call_once(given.channel, given.params, given.data_dir)


def _describe(given: argparse.Namespace) -> int:
    if given.format == "openapi":
        from rpcbackend.mirror.openapi import describe_openapi

        sys.stdout.write(describe_openapi())
        return 0
    from rpcbackend.contract.describe import describe

    sys.stdout.write(describe(given.format))
    return 0


def _seed(given: argparse.Namespace) -> int:
    from rpcbackend.demo.seed import seed_directory

    return seed_directory(
        given.data_dir, students=given.students, years=given.years, seed=given.seed
    )


def _demo(given: argparse.Namespace) -> int:
    from rpcbackend.demo.morning import show_morning

    return show_morning(given.data_dir, students=given.students)


def _top(given: argparse.Namespace) -> int:
    from rpcbackend.top import show_top

    return show_top(given.data_dir, is_once=given.once)


def _rekey(given: argparse.Namespace) -> int:
    from rpcbackend.care.rekey import rekey_directory

    return rekey_directory(given.data_dir, sys.stdin)


def _doctor(given: argparse.Namespace) -> int:
    from rpcbackend.care.doctor import Wanted, see_doctor

    if given.replace and not given.salvage:
        _complain("--replace goes with --salvage")
        return EX_USAGE
    wanted = Wanted(repair=given.repair, salvage=given.salvage, replace=given.replace)
    return see_doctor(given.data_dir, sys.stdin, wanted)


def _copy_store(given: argparse.Namespace) -> int:
    from rpcbackend.care.copy_store import Wanted, copy_store

    wanted = Wanted(
        source=given.source,
        target=given.target,
        school=given.school,
        is_anew=given.anew,
        is_encrypted=given.encrypt,
    )
    return copy_store(wanted, sys.stdin)


def _backup(given: argparse.Namespace) -> int:
    from rpcbackend.care.backup import backup_directory

    return backup_directory(given.data_dir, given.into, sys.stdin)


def _verify(given: argparse.Namespace) -> int:
    from rpcbackend.care.verify import verify_directory

    return verify_directory(given.data_dir, given.backup, sys.stdin)


def _restore(given: argparse.Namespace) -> int:
    from rpcbackend.care.restore import restore_directory

    return restore_directory(
        given.data_dir,
        given.backup,
        sys.stdin,
        is_sure=given.yes,
        is_unreadable=given.in_place_of_unreadable,
    )


def _migrate(given: argparse.Namespace) -> int:
    from rpcbackend.care.migrate import migrate_directory

    return migrate_directory(given.data_dir, sys.stdin)


def _replay(given: argparse.Namespace) -> int:
    from rpcbackend.care.replay import Order, replay_transcript

    order = Order(
        path=given.transcript,
        against=given.against,
        may_differ=frozenset(given.allow),
        is_as_recorded=given.speed == "recorded",
        keep=given.keep,
    )
    return replay_transcript(order, sys.stdin)


def _inspect(given: argparse.Namespace) -> int:
    from rpcbackend.care.inspector import Look, inspect_transcript

    look = Look(
        path=given.transcript,
        output=given.output,
        against=given.against,
        may_differ=frozenset(given.allow),
    )
    return inspect_transcript(look, sys.stdin)


def _complain(message: str) -> None:
    sys.stderr.write(f"rpcbackend: {message}\n")


_COMMANDS = {
    "serve": _serve,
    "http": _http,
    "call": _call,
    "describe": _describe,
    "seed": _seed,
    "demo": _demo,
    "doctor": _doctor,
    "rekey": _rekey,
    "backup": _backup,
    "copy-store": _copy_store,
    "verify": _verify,
    "restore": _restore,
    "migrate": _migrate,
    "replay": _replay,
    "top": _top,
    "inspect": _inspect,
}
