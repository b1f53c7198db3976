"""The contract document, as rpc.discover answers it."""

from typing import Any

from pydantic import ConfigDict

from rpcbackend.schema.base import WireModel


class OpenRpcDocument(WireModel):
    """An OpenRPC 1.3 document; its own meta-schema says more than could be said here."""

    model_config = ConfigDict(extra="allow")

    openrpc: str
    info: dict[str, Any]
    methods: list[dict[str, Any]]
