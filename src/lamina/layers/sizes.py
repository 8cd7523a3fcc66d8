"""AWS's limits on the bytes of code and layers, and what it says when one is passed. Sizes are in bytes.

The limit itself still fits: "must be smaller than" is how AWS words a quota of which it says elsewhere that the
whole of it may be used.
"""

from __future__ import annotations

from collections.abc import Iterable

from lamina import errors
from lamina.layers.attaching import AttachedLayer

UNZIPPED_BYTES_MAX = 262_144_000
UPLOADED_BYTES_MAX = 52_428_800
STORED_BYTES_MAX = 80_530_636_800


def unzipped_bytes(layers: Iterable[AttachedLayer]) -> int:
    """What *layers* take together once extracted."""
    return sum(layer.archive.unzipped_bytes for layer in layers)


def room_for_code(layers: Iterable[AttachedLayer]) -> int:
    """The unzipped bytes that a function's code may have beside *layers*."""
    return max(0, UNZIPPED_BYTES_MAX - unzipped_bytes(layers))


def check_uploaded(zipped: int) -> None:
    """Raise AWS's error for an archive too large to be sent inside a request; from S3 it may be larger."""
    if zipped > UPLOADED_BYTES_MAX:
        raise errors.request_too_large(f"Zipped size must be smaller than {UPLOADED_BYTES_MAX} bytes")


def check_unzipped(unzipped: int, room: int = UNZIPPED_BYTES_MAX) -> None:
    """Raise AWS's error for an archive that unpacks to more than *room*."""
    if unzipped > room:
        raise unzipped_too_large(room)


def unzipped_too_large(room: int = UNZIPPED_BYTES_MAX) -> errors.ApiError:
    """AWS's error about an archive that does not fit into *room*."""
    return errors.invalid_parameter_value(f"Unzipped size must be smaller than {room} bytes")


def check_together(code_unzipped: int, layers: Iterable[AttachedLayer]) -> None:
    """Raise AWS's error if *layers* do not fit, alone or beside the code a function has already."""
    layers_unzipped = unzipped_bytes(layers)
    if layers_unzipped > UNZIPPED_BYTES_MAX:
        raise errors.invalid_parameter_value(
            f"Layers consume more than the available size of {UNZIPPED_BYTES_MAX} bytes"
        )
    if code_unzipped + layers_unzipped > UNZIPPED_BYTES_MAX:
        raise errors.invalid_parameter_value(
            f"Function code combined with layers exceeds the maximum allowed size of {UNZIPPED_BYTES_MAX} bytes. "
            f"The actual size is {code_unzipped + layers_unzipped} bytes."
        )


def check_stored(stored: int, added: int) -> None:
    """Raise AWS's error if an account that has *stored* so many bytes of archives may not add *added* more."""
    if added > 0 and stored + added > STORED_BYTES_MAX:
        raise errors.code_storage_exceeded("Code storage limit exceeded.")
