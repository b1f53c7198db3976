"""The same channels over HTTP: a side door, loaded only where one is asked for (docs/mirror.md)."""
