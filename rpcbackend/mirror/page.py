"""The console: the files of `page/`, served under a policy that lets nothing else in.

They hold no secret and nobody's data, so whoever reaches the port gets them; what they show is
asked for with his own token.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rpcbackend.transcripts.page import sources

SHARED = ("base.css", "dom.js", "messages.js")
"""Of the inspector's page: what both of them look like, and how they show JSON."""

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
"""What is served at all."""

HEADERS = {
    # Always asked for again, and not sent again: no old script meets a new backend.
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is served."""

    content: bytes
    media_type: str
    etag: str

    def answer(self, request: Request, policy: str) -> Response:
        """Return it, or that it is still the one the browser has."""
        headers = HEADERS | {"ETag": self.etag, "Content-Security-Policy": policy}
        if request.headers.get("If-None-Match") == self.etag:
            return Response(status_code=304, headers=headers)
        return Response(self.content, headers=headers, media_type=self.media_type)


def read_file(path: Traversable) -> File:
    """Read a file whose name tells a type that is served."""
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:32]
    return File(content, TYPES[PurePosixPath(path.name).suffix], f'"{digest}"')


def console_policy() -> str:
    """Return the policy of the console.

    A transcript is shown in a frame of a `blob:` address, for which the policy of the page that
    made it holds too (Content Security Policy Level 3, section 7.8): hence the hashes. The frame
    is sandboxed, so that it has an origin of its own and our token is not in it.
    """
    inlined = {kind: " ".join(hashes) for kind, hashes in sources().items()}
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {inlined['script']}",
            f"style-src 'self' {inlined['style']}",
            "connect-src 'self'",
            "img-src 'self'",
            "frame-src blob:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def console_routes() -> list[Route]:
    """Return the routes of the console: the page at `/`, its files under `/console/`."""
    own, shared = files("rpcbackend.mirror") / "page", files("rpcbackend.transcripts") / "page"
    found = {path.name: read_file(path) for path in own.iterdir()}
    found |= {name: read_file(shared / name) for name in SHARED}
    return file_routes("/", "/console/", found, console_policy())


DESK_POLICY = "; ".join(
    (
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("connect", "font", "img", "script", "style")),
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


def desk_routes(folder: Path) -> list[Route]:
    """Return the routes of the desk for browsers: the files of a folder, under `/desk/`."""
    found = {path.name: read_file(path) for path in folder.iterdir() if path.suffix in TYPES}
    return file_routes("/desk/", "/desk/", found, DESK_POLICY)


def file_routes(page: str, folder: str, found: Mapping[str, File], policy: str) -> list[Route]:
    """Return routes for a page and the files that it asks for.

    Args:
        page: Where `index.html` is served.
        folder: Under which the others are.
        found: The files by name.
        policy: What the page may load.
    """

    def route(name: str) -> Route:
        async def serve(request: Request) -> Response:
            return found[name].answer(request, policy)

        path = page if name == "index.html" else folder + name
        return Route(path, serve, methods=["GET"], name=f"file:{path}", include_in_schema=False)

    return [route(name) for name in found]
