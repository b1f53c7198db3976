"""The contract of every channel: as OpenRPC, TypeScript and Markdown, made from the registry."""
