"""Stored logs: groups, streams and events in files (docs/formats/logs.md)."""
