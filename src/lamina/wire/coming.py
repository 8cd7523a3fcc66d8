"""Read a JSON body while it comes: its first very long string, if it is base64, is decoded piece by piece.

What `long_strings` does to a body that is all there, this does to one that is on its way, so that the 60 MB of a large
archive are never held: of each piece the bytes go to a place of the caller's at once, where they can be hashed and
written meanwhile. The string is found and cut out by the same rules. Where anything is not certain (a backslash, an
odd character, a string that is no base64 at all), what was decoded is encoded again, which gives the very same text,
and the body is read as any other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sized
from typing import Any, Final, Protocol

import pybase64

from lamina.wire.long_strings import LONG_STRING_BYTES_MIN, LongString, load_json, open_string

# Of what comes before the string, at most.
_HEAD_BYTES_MAX: Final = 1024 * 1024
# So much of a string has to be there before it is taken for a very long one.
_BEGUN_BYTES_MIN: Final = LONG_STRING_BYTES_MIN // 2


class Landed(Sized, Protocol):
    """Decoded bytes that are all there."""

    @property
    def data(self) -> memoryview: ...


class Place(Protocol):
    """Where decoded bytes go; it is given up by nobody having it any more."""

    def write(self, data: bytes, /) -> None: ...

    def finish(self) -> Landed: ...


class ComingJson:
    """A JSON body. `feed` and `finish` from one thread at a time."""

    def __init__(self, open_place: Callable[[], Place]) -> None:
        self._open_place = open_place
        # What comes before the string; all there is while none was found.
        self._head = bytearray()
        # How long that has to be for the next look at it; None when there will be none.
        self._look_at: int | None = LONG_STRING_BYTES_MIN
        self._string: _ComingString | None = None
        # From the closing quote on.
        self._tail: bytearray | None = None

    def feed(self, piece: bytes) -> None:
        """The next bytes. Raises OSError if the place does."""
        if self._tail is not None:
            self._tail += piece
        elif self._string is not None:
            self._go_on(self._string, piece)
        else:
            self._head += piece
            if self._look_at is not None and len(self._head) >= self._look_at:
                self._look()

    def finish(self) -> tuple[Any, list[LongString]]:
        """What `long_strings.load_json` gives for the whole body. Nothing comes any more. Raises Invalid, OSError."""
        string = self._string
        if string is not None and self._tail is not None:
            rest = bytes(self._head) + b"NaN" + self._tail[1:]
            # A word of the sender's own would be taken for ours.
            if rest.count(b"NaN") == 1:
                try:
                    return json.loads(str(rest, "utf-8", "strict"), parse_constant=_placing(string)), [string]
                except (ValueError, RecursionError):
                    # The general path finds out what is wrong and says it, or the long string was a key.
                    pass
        self._give_up()
        return load_json(bytes(self._head))

    def _look(self) -> None:
        start = open_string(bytes(self._head))
        if start >= 0 and len(self._head) - start > _BEGUN_BYTES_MIN:
            begun = bytes(self._head[start + 1 :])
            del self._head[start:]
            self._string = _ComingString(self._open_place())
            self._look_at = None
            self._go_on(self._string, begun)
        else:
            # Not with each piece: however small those are, all looks together see each byte twice at most.
            further = 2 * len(self._head)
            self._look_at = further if further <= _HEAD_BYTES_MAX else None

    def _go_on(self, string: _ComingString, piece: bytes) -> None:
        end = piece.find(b'"')
        if end < 0:
            sound, self._tail = string.take(piece), None
        else:
            sound, self._tail = string.take(piece[:end]) and string.end(), bytearray(piece[end:])
        if not sound:
            self._give_up()

    def _give_up(self) -> None:
        """Have all that came in the head, as it came."""
        string, self._string = self._string, None
        if string is not None:
            self._head += b'"'
            self._head += string.encoded()
        self._head += self._tail or b""
        self._tail = None
        self._look_at = None


class _ComingString(LongString):
    """A string of base64 that is decoded into *place* as it comes."""

    def __init__(self, place: Place) -> None:
        # What is base64 is a JSON string as well.
        super().__init__(memoryview(b""), checked=True)
        self._place: Place | None = place
        self._landed: Landed | None = None
        # What is not decoded yet: the last group is only known to be that at the end.
        self._held = b""

    def take(self, text: bytes) -> bool:
        """The next characters; False if this is no base64, and then they are held."""
        self._held += text
        size = (len(self._held) - 4) & ~3
        if size <= 0:
            return True
        try:
            decoded = pybase64.b64decode(memoryview(self._held)[:size], validate=True)
        except ValueError:
            return False
        if len(decoded) != size // 4 * 3:
            # An end in the midst of it.
            return False
        assert self._place is not None
        self._place.write(decoded)
        self._held = self._held[size:]
        return True

    def end(self) -> bool:
        """No more will come; False if it could not be base64 then."""
        try:
            last = pybase64.b64decode(self._held, validate=True)
        except ValueError:
            return False
        if pybase64.b64encode(last) != self._held:
            # Bits that mean nothing: this text could not be had back.
            return False
        assert self._place is not None
        self._place.write(last)
        self._held = b""
        self._finish()
        return True

    def encoded(self) -> bytes:
        """All that has come, as it came."""
        return pybase64.b64encode(self._finish().data) + self._held

    def text(self) -> str:
        return self.encoded().decode("ascii")

    def base64(self) -> Landed:
        return self._finish()

    def _finish(self) -> Landed:
        place, self._place = self._place, None
        if place is not None:
            self._landed = place.finish()
        assert self._landed is not None
        return self._landed


def _placing(string: LongString) -> Callable[[str], LongString]:
    def place(constant: str) -> LongString:
        if constant != "NaN":
            raise ValueError(f"{constant} is no JSON")
        return string

    return place
