"""Writing that is whole, or fails."""

from __future__ import annotations

import os


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of *data*; raises OSError. A disk that is filling up takes a part, and then tells why no more."""
    while data:
        data = data[os.write(descriptor, data) :]
