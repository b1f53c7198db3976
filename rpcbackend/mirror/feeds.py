"""Calendars under their addresses: no calendar program signs in."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from rpcbackend.mirror.answers import answer_of, is_error, result_of
from rpcbackend.mirror.asked import read_asked
from rpcbackend.mirror.callers import Callers
from rpcbackend.mirror.wire import Wire
from rpcbackend.protocol import codec
from rpcbackend.protocol.codec import Json

MOST_OF_ETAG = 100
"""Characters: a longer one is none of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feeds:
    """Answers whoever has the address of a feed."""

    wire: Wire
    callers: Callers

    async def feed(self, request: Request) -> Response:
        """Return the calendar, unless the caller has it already."""
        asked = read_asked(request)
        self.callers.take_stranger(asked.source)
        params: dict[str, Json] = {"token": request.path_params["token"]}
        known = request.headers.get("if-none-match", "").removeprefix("W/").strip('"')
        if known and len(known) <= MOST_OF_ETAG:
            params["etag"] = known
        line = await self.wire.call("feeds.read", params, asked.source)
        if is_error(line):
            return answer_of(line, wants_problem=asked.wants_problem)
        told = codec.decode(result_of(line))
        headers = {"ETag": f'"{told["etag"]}"', "Cache-Control": "private, no-cache"}
        if told["ical"] is None:
            return Response(status_code=304, headers=headers)
        return Response(told["ical"], headers=headers, media_type="text/calendar; charset=utf-8")
