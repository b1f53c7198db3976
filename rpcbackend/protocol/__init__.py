"""Lines to messages and back: JSON-RPC 2.0 without any input or output."""
