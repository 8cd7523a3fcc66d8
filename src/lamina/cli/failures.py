"""What a command says and exits with when it cannot do what was asked."""

from __future__ import annotations


class Failure(Exception):
    """The command cannot go on. `hint` says what to do about it; `code` tells scripts the kind."""

    FAILED = 1
    USAGE = 2
    PORT_IN_USE = 3
    STATE_IN_USE = 4
    NOT_POSSIBLE_HERE = 5
    WARNINGS_FOUND = 6
    ERRORS_FOUND = 7
    DIFFERENT = 8
    VULNERABLE = 9
    NOT_AUDITED = 10
    PARTLY = 11

    def __init__(self, message: str, hint: str | None = None, code: int = FAILED) -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code
