"""RevisionIds as preconditions: of functions, aliases and policies, each worded alike."""

from __future__ import annotations

from lamina import errors

FUNCTION = "GetFunction/GetAlias"


def check_revision(given: str | None, *current: str, api: str = FUNCTION) -> None:
    """Raise AWS's error if a RevisionId was *given* and is none of the *current*; *api* is where to get those."""
    if given is not None and given not in current:
        raise errors.precondition_failed(
            "The Revision Id provided does not match the latest Revision Id. "
            f"Call the {api} API to retrieve the latest Revision Id"
        )
