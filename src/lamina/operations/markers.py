"""Page markers: opaque to callers, and no other than those given out.

A marker is where the next page starts, signed together with the list it belongs to, so that one made up, altered or
carried over to another list is refused before anything is looked up.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import TypeVar

from lamina import errors

_TAG_BYTES = 12

Item = TypeVar("Item")
Position = list[str | int]


class Markers:
    """Gives out markers and takes them back."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def issue(self, of_list: str, position: Position) -> str:
        """The marker of the page behind *position* in the list that *of_list* describes."""
        text = json.dumps(position, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._tag(of_list, text) + text).decode("ascii")

    def read(self, of_list: str, marker: str | None) -> Position | None:
        """The position in *marker*, None for the first page; the API's error if it was not issued for this list."""
        if not marker:
            return None
        try:
            raw = base64.b64decode(marker.encode("ascii"), altchars=b"-_", validate=True)
        except ValueError:
            raise _invalid(marker) from None
        tag, text = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(of_list, text)):
            raise _invalid(marker)
        position: Position = json.loads(text)
        return position

    def _tag(self, of_list: str, text: bytes) -> bytes:
        signed = b"\n".join((b"marker", of_list.encode("utf-8", "replace"), text))
        return hmac.new(self._secret, signed, hashlib.sha256).digest()[:_TAG_BYTES]


def page(found: Sequence[Item], size: int) -> tuple[Sequence[Item], bool]:
    """The items of this page, and whether more follow, of up to *size* + 1 that were *found*."""
    return found[:size], len(found) > size


def _invalid(marker: str) -> errors.ApiError:
    return errors.invalid_parameter_value(f"Invalid Marker: {marker[:200]}")
