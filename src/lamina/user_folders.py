"""Where a user's files of one kind lie, by the XDG specification: a relative path in a variable is to be ignored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def state(environ: Mapping[str, str]) -> Path:
    """What is to outlive a restart and concerns this machine alone: a server's data, links, roll-outs."""
    return _folder(environ, "XDG_STATE_HOME", ".local/state")


def cache(environ: Mapping[str, str]) -> Path:
    """What can be had again."""
    return _folder(environ, "XDG_CACHE_HOME", ".cache")


def _folder(environ: Mapping[str, str], variable: str, otherwise: str) -> Path:
    told, home = environ.get(variable, ""), environ.get("HOME", "")
    if told.startswith("/"):
        return Path(told) / "lamina"
    return (Path(home) if home.startswith("/") else Path.home()) / otherwise / "lamina"
