"""The contract document as a wire model."""

from rpcbackend.schema.rpc import OpenRpcDocument
from tests.schema.fits import broken, written


def test_a_document_keeps_what_its_own_schema_would_say_more_of() -> None:
    document = {"openrpc": "1.3.2", "info": {"title": "x"}, "methods": [], "components": {"a": 1}}

    assert written(OpenRpcDocument.model_validate(document)) == document
    assert broken(OpenRpcDocument, {}) == ["info", "methods", "openrpc"]
