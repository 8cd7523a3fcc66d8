"""Why an install cannot go on."""

from __future__ import annotations


class InstallFailed(Exception):
    """The install ended, and nothing of it is there. `hint` says what may help."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
