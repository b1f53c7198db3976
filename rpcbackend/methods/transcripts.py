"""The transcript that this process writes, for the owner to look at."""

from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.errors import NotFoundError
from rpcbackend.schema.transcripts import (
    InspectTranscript,
    ListTranscripts,
    TranscriptList,
    TranscriptPage,
)
from rpcbackend.security.roles import Permission


@method("transcripts.list", permission=Permission.TRANSCRIPTS_READ)
async def list_(ctx: Context, params: ListTranscripts) -> TranscriptList:  # noqa: ARG001 (takes none)
    """List the files of the transcript that this process writes, and of those before it.

    There are none unless something is recorded: `--record FILE`.
    """
    return TranscriptList(items=await ctx.host.recordings.look())


@method(
    "transcripts.inspect",
    permission=Permission.TRANSCRIPTS_READ,
    cost="heavy",
    errors=(NotFoundError,),
)
async def inspect(ctx: Context, params: InspectTranscript) -> TranscriptPage:
    """Make the page that shows one file of the transcript: timeline, latencies, errors, messages.

    Of a long one the last 20,000 messages; what is being written may be missing at its end. It
    holds no name and no secret, for none is in a transcript.
    """
    return TranscriptPage(name=params.name, html=await ctx.host.recordings.page(params.name))
