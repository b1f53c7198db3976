"""The contract in any of its forms, as `rpcbackend describe` prints it."""

import orjson

from rpcbackend.contract.markdown import write_channels, write_errors, write_settings
from rpcbackend.contract.openrpc import build_openrpc
from rpcbackend.contract.typescript import write_typescript
from rpcbackend.methods import build_registry
from rpcbackend.protocol.codec import canonical


def describe(form: str) -> str:
    """Return the contract, built from the code as it is.

    Args:
        form: openrpc (canonical: its SHA-256 is the contract hash), jsonschema, typescript,
            markdown (the channels), errors or settings (both Markdown too).
    """
    if form == "errors":
        return write_errors()
    if form == "settings":
        return write_settings()
    document = build_openrpc(build_registry())
    match form:
        case "typescript":
            return write_typescript(document)
        case "markdown":
            return write_channels(document)
        case "jsonschema":
            schemas = {"$defs": document["components"]["schemas"]}
            return orjson.dumps(schemas, option=orjson.OPT_INDENT_2).decode() + "\n"
        case _:
            return canonical(document).decode()
