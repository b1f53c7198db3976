"""The contract as it is served: OpenRPC, OpenAPI, and a page to read."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from rpcbackend.app import Application
from rpcbackend.mirror.answers import JSON
from rpcbackend.mirror.asked import read_asked, source_of
from rpcbackend.mirror.callers import Callers
from rpcbackend.mirror.openapi import build_openapi
from rpcbackend.mirror.routes import serves
from rpcbackend.protocol import codec


class Contract:
    """Serves the contract, to whoever is known, or to all.

    Args:
        app: Has the channels.
        callers: Finds out who asks.
        is_public: Whether nobody has to be known.
    """

    def __init__(self, app: Application, callers: Callers, *, is_public: bool) -> None:
        self._app, self._callers, self._is_public = app, callers, is_public
        self._openapi: bytes | None = None

    async def openrpc(self, request: Request) -> Response:
        """Return the document that `rpc.discover` answers."""
        await self._admit(request)
        return Response(self._app.contract(), media_type=JSON)

    async def openapi(self, request: Request) -> Response:
        """Return the document of what is served here."""
        await self._admit(request)
        if self._openapi is None:
            registry = self._app.dispatcher.registry
            document = build_openapi(registry, [one for one in registry if serves(one)])
            self._openapi = codec.encode(document)
        return Response(self._openapi, media_type=JSON)

    async def docs(self, request: Request) -> Response:
        """Lead to the page on which the channels can be read."""
        self._callers.take_stranger(source_of(request))
        return RedirectResponse("/#/channels", 303)

    async def _admit(self, request: Request) -> None:
        if self._is_public:
            self._callers.take_stranger(source_of(request))
        else:
            await self._callers.identify(read_asked(request))
