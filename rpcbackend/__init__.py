"""The backend of a driving school's desktop program: JSON-RPC over stdin/stdout."""

__version__ = "0.1.0"
PROTOCOL_VERSION = "1"
