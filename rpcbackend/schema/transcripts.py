"""The transcript that this process writes: which files of it there are, and what stands in one."""

from typing import Annotated

from pydantic import Field, StringConstraints

from rpcbackend.schema.base import SECRET, Flag, Instant, Integer, Params, WireModel

FileName = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class TranscriptEntry(WireModel):
    """A file of a transcript."""

    name: FileName
    bytes: Annotated[Integer, Field(ge=0)]
    is_sealed: Annotated[Flag, Field(description="It is encrypted, as its store was.")]
    started_at: Annotated[
        Instant | None,
        Field(
            description="When the process began that wrote it; null, with all that follows, if it "
            "is sealed under another key or no transcript any more."
        ),
    ]
    version: Annotated[str | None, Field(description="Of the program that wrote it.")]
    part: Annotated[
        Integer | None, Field(description="A transcript that grew long goes on in another file.")
    ]


class ListTranscripts(Params):
    """Params of transcripts.list."""


class TranscriptList(WireModel):
    """What transcripts.list answers."""

    items: Annotated[list[TranscriptEntry], Field(description="The newest first.")]


class InspectTranscript(Params):
    """Params of transcripts.inspect."""

    name: FileName


class TranscriptPage(WireModel):
    """What transcripts.inspect answers."""

    name: FileName
    # A recording of this call must not hold the recording.
    html: Annotated[
        str,
        Field(
            json_schema_extra=SECRET,
            description="A whole page that loads nothing, as `rpcbackend inspect` writes it.",
        ),
    ]
