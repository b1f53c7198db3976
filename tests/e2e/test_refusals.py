"""What a server refuses is told at the start, with what to do about it, and exits with 78."""

from pathlib import Path

import asyncpg
import pytest

from rpcbackend.errors import UnavailableError
from rpcbackend.store import Place
from rpcbackend.store.postgres_connections import refusal
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, running_app
from tests.e2e.backend import run
from tests.postgres import Cluster

NO_DATABASE = (
    "rpcbackend: The database server has no database of this name: create it"
    " (CREATE DATABASE … OWNER …), or correct database.url.\n"
)
NOT_LET_IN = (
    "rpcbackend: The database server does not let this user in: correct the user in database.url,"
    " his password (PGPASSWORD or ~/.pgpass), or pg_hba.conf on the server.\n"
)
NO_RIGHT = (
    "rpcbackend: The user of the database lacks a right: let him own it"
    " (ALTER DATABASE … OWNER TO …).\n"
)


async def make_role(url: str, name: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(f"CREATE ROLE {name} LOGIN")
    await connection.close()


@pytest.mark.parametrize("command", ["serve", "http"])
async def test_a_database_that_does_not_exist_is_to_be_created(
    tmp_path: Path, cluster: Cluster, command: str
) -> None:
    url = cluster.url.replace("/postgres?", "/nowhere?")

    told = await run(command, "--data-dir", str(tmp_path), RPCBACKEND_DATABASE__URL=url)

    assert told == (78, b"", NO_DATABASE)


async def test_a_user_whom_the_server_does_not_let_in_is_to_be_corrected(
    tmp_path: Path, cluster: Cluster
) -> None:
    url = cluster.url.replace("postgres@", "stranger@")

    told = await run("serve", "--data-dir", str(tmp_path), RPCBACKEND_DATABASE__URL=url)

    assert told == (78, b"", NOT_LET_IN)
    assert f"rpcbackend: {refusal(asyncpg.InvalidPasswordError())}\n" == NOT_LET_IN


async def test_a_user_who_may_make_no_tables_is_to_own_the_database(
    tmp_path: Path, cluster: Cluster
) -> None:
    url = cluster.create()
    await make_role(url, "guest")

    told = await run(
        *("serve", "--data-dir", str(tmp_path)),
        RPCBACKEND_DATABASE__URL=url.replace("postgres@", "guest@"),
    )

    assert told == (78, b"", NO_RIGHT)


async def test_copying_to_a_database_that_does_not_exist_says_so_too(cluster: Cluster) -> None:
    there, nowhere = cluster.create(), cluster.url.replace("/postgres?", "/nowhere?")

    told = await run("copy-store", there, nowhere)

    assert told == (78, b"", NO_DATABASE)


async def test_a_call_is_told_what_to_do_and_succeeds_once_it_is_done() -> None:
    """The server was away at the start; now it is there, and the database is not."""
    cluster = Cluster()
    try:
        url = cluster.url.replace("/postgres?", "/later?")
        cluster.kill()
        async with running_app(surroundings=Surroundings(place=Place(url=url))) as app:
            cluster.start()
            with pytest.raises(CallFailedError) as refused:
                await Client(app).call("branches.list")
            connection = await asyncpg.connect(cluster.url)
            await connection.execute("CREATE DATABASE later")
            await connection.close()

            assert (await Client(app).call("branches.list"))["items"] == []
    finally:
        cluster.stop()
    assert refused.value.code == UnavailableError.code
    assert NO_DATABASE.removeprefix("rpcbackend: ").strip() in str(refused.value)
