"""Connections that are encrypted, and the address that is listened on."""

import asyncio
import ssl
from pathlib import Path

import httpx2
import pytest
import trustme

from rpcbackend.api_settings import ApiSettings
from rpcbackend.app import Application
from rpcbackend.mirror.listener import bind
from rpcbackend.testing import FrozenClock
from tests.mirror.web import mirrored


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_over_tls_it_is_spoken_as_well_and_in_no_old_version(
    app: Application, clock: FrozenClock, tmp_path: Path
) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    for part in issued.cert_chain_pems:
        part.write_to_path(certificate, append=True)
    issued.private_key_pem.write_to_path(key)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    tls = {"certificate": certificate, "key": key}
    async with mirrored(app, clock, protocol="https", tls=tls) as web:
        async with httpx2.AsyncClient(base_url=web.mirror.url, verify=trusting) as http:
            answer = await http.get("/api/health")
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        authority.configure_trust(old)
        # So that it is not this side that refuses.
        old.set_ciphers("DEFAULT:@SECLEVEL=0")
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(OSError):  # noqa: PT011 (an alert, or a reset after it)
            await asyncio.open_connection("127.0.0.1", web.mirror.port, ssl=old)
        plain = await web.raw(web.head("GET /api/health"))

    assert answer.status_code == 200
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert b"200" not in plain


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_a_port_of_0_is_one_that_is_free(host: str) -> None:
    with bind(ApiSettings(host=host)) as first, bind(ApiSettings(host=host)) as second:
        assert first.getsockname()[1] != second.getsockname()[1]
        assert first.getsockname()[0] in ("127.0.0.1", "::1")
