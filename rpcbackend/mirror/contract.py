"""The contract as it is served: OpenRPC, OpenAPI, and a page to read."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from rpcbackend.app import Application
from rpcbackend.mirror.answers import JSON
from rpcbackend.mirror.asked import read_asked, source_of
from rpcbackend.mirror.callers import Callers
from rpcbackend.mirror.handbook import POLICY, write_handbook
from rpcbackend.mirror.openapi import build_openapi
from rpcbackend.mirror.routes import serves
from rpcbackend.protocol import codec

CONSOLE = "/#/channels"
"""Where a browser, which cannot send a token by itself, can sign in and read the same."""


class Contract:
    """Serves the contract, to whoever is known, or to all.

    Args:
        app: Has the channels.
        callers: Finds out who asks.
        is_public: Whether nobody has to be known.
    """

    def __init__(self, app: Application, callers: Callers, *, is_public: bool) -> None:
        self._app, self._callers = app, callers
        self._is_public = is_public
        self._openapi: bytes | None = None
        self._handbook: bytes | None = None

    async def openrpc(self, request: Request) -> Response:
        """Return the document that `rpc.discover` answers."""
        await self._admit(request)
        return Response(self._app.contract(), media_type=JSON)

    async def openapi(self, request: Request) -> Response:
        """Return the document of what is served here."""
        await self._admit(request)
        if self._openapi is None:
            self._openapi = codec.encode(build_openapi(self._app.dispatcher.registry))
        return Response(self._openapi, media_type=JSON)

    async def docs(self, request: Request) -> Response:
        """Return the page to read; a browser in which nobody is known is led to the console."""
        if not self._is_public and not read_asked(request).has_proof:
            self._callers.take_stranger(source_of(request))
            return RedirectResponse(CONSOLE, 303)
        await self._admit(request)
        if self._handbook is None:
            served = {each.channel for each in self._app.dispatcher.registry if serves(each)}
            page = write_handbook(codec.decode(self._app.contract()), served)
            self._handbook = page.encode()
        headers = {"Content-Security-Policy": POLICY}
        return Response(self._handbook, media_type="text/html; charset=utf-8", headers=headers)

    async def _admit(self, request: Request) -> None:
        if self._is_public:
            self._callers.take_stranger(source_of(request))
        else:
            await self._callers.admit(read_asked(request))
