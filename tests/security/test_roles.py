"""The permissions that channels ask for."""

import re

from rpcbackend.methods import build_registry
from rpcbackend.security.roles import Permission


def test_every_permission_is_asked_for_by_some_channel() -> None:
    assert {method.permission for method in build_registry()} | {Permission.STORE_CHECK} == set(
        Permission
    )


def test_a_permission_is_named_after_its_area_and_what_it_allows() -> None:
    named = set(Permission) - {Permission.PUBLIC, Permission.SIGNED_IN}

    assert [
        one
        for one in named
        if not re.fullmatch(r"[a-z]+:(read|write|book|cancel|check|update)", one)
    ] == []


def test_no_command_on_records_is_open_to_everybody() -> None:
    public = {
        method.channel for method in build_registry() if method.permission is Permission.PUBLIC
    }

    assert public - {"auth.bootstrap", "auth.login", "auth.refresh"} == {
        *("initialize", "ping", "rpc.discover", "shutdown", "system.health")
    }
