"""What a tool of the workshop says when it cannot go on."""

from __future__ import annotations


class WorkshopError(Exception):
    """Something outside keeps a tool from going on; `hint` says what to do about it, `code` is what to exit with."""

    FAILED = 1
    USAGE = 2

    def __init__(self, message: str, hint: str | None = None, code: int = FAILED) -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code
