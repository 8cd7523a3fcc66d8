"""Bodies that come packed with gzip, as SDKs send CloudWatch metrics of more than 10 KiB: taken apart here. Pure.

What is judged must be what is then answered: moto would take such a body apart itself, behind all that looks at it.
"""

from __future__ import annotations

import zlib
from typing import Final

from lamina.companions.messages import Question
from lamina.errors import ApiError

# AWS takes 1 MB of metrics at once.
UNPACKED_BYTES_MAX: Final = 8 * 1024 * 1024
# The most that what is larger than this may be of what was sent: names and numbers come to a fiftieth at best.
_RATIO_MAX: Final = 200
_ANY_RATIO_BYTES: Final = 1024 * 1024
_GZIP: Final = 16 + zlib.MAX_WBITS
# Head and trailer; the trailer's last four bytes are the size, by RFC 1952.
_BYTES_MIN: Final = 18
_SIZE_BYTES: Final = 4
_HEADER: Final = "content-encoding"


def is_packed(question: Question, service: str) -> bool:
    """Whether *question* to *service* is to be unpacked. What S3 is sent packed it keeps packed."""
    return service != "s3" and (question.header(_HEADER) or "").strip().lower() == "gzip"


def unpacked_bytes(question: Question) -> int:
    """How large the body of *question*, which is packed, says that it is. Raises ApiError for too large a one."""
    packed_bytes = sum(len(piece) for piece in question.body)
    if packed_bytes < _BYTES_MIN:
        raise _broken("it ends too early")
    # However the pieces lie.
    tail = b"".join(bytes(piece[-_SIZE_BYTES:]) for piece in question.body[-_SIZE_BYTES:])
    size = int.from_bytes(tail[-_SIZE_BYTES:], "little")
    if size > UNPACKED_BYTES_MAX or size > max(_ANY_RATIO_BYTES, packed_bytes * _RATIO_MAX):
        raise _too_large()
    return size


def unpacked(question: Question) -> Question:
    """*question* with its body as it was before it was packed, no byte of which is made beyond what it says to be.

    Raises ApiError for one that is not whole, or larger than it says.
    """
    size = unpacked_bytes(question)
    packed = b"".join(question.body)
    apart = zlib.decompressobj(_GZIP)
    try:
        # 0 would mean without end.
        body = apart.decompress(packed, size + 1)
    except zlib.error as error:
        raise _broken(str(error)) from None
    if len(body) > size:
        raise _too_large()
    if not apart.eof:
        raise _broken("it ends too early")
    if apart.unused_data:
        # Many that are empty, one behind the other, would take the longest.
        raise _broken("something comes behind its end")
    headers = [(name, value) for name, value in question.headers if name != _HEADER]
    return Question(question.method, question.target, headers, (body,))


def _too_large() -> ApiError:
    message = (
        f"A packed body may come to {UNPACKED_BYTES_MAX} bytes, to no more than its end says, and beyond "
        f"{_ANY_RATIO_BYTES} bytes to {_RATIO_MAX} times what was sent. Send it in several requests."
    )
    return ApiError("RequestEntityTooLargeException", 413, message, None)


def _broken(why: str) -> ApiError:
    return ApiError("SerializationException", 400, f"The body is not the gzip that its header says: {why}.", None)
