"""The bytes of entries, held to what the directory declares: never more of them, never fewer, never others."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from lamina.layers.archive.entries import Archive, Entry, Kind
from lamina.layers.archive.errors import refused

if TYPE_CHECKING:
    import mmap
    from concurrent.futures import Executor

# One call into zlib for what is smaller, a loop for the rest: memory stays at a few chunks however large an entry is.
CHUNK_BYTES = 1 << 20
# zlib copies the input that a call leaves over, so long entries are fed piece by piece.
_FEED_BYTES = 1 << 17
# Below this a second thread costs more than it brings.
_PARALLEL_BYTES_MIN = 4 << 20


def content(data: memoryview, entry: Entry) -> bytes:
    """All of *entry*, checked. Takes memory for all of it, so for entries known to be small."""
    packed = _packed(data, entry)
    found = _inflate_whole(packed, entry) if entry.deflated else bytes(packed)
    _check(entry, len(found), zlib.crc32(found))
    return found


def chunks(data: memoryview, entry: Entry) -> Iterator[bytes | memoryview]:
    """*entry* piece by piece. Only when the iterator has ended is it known to be sound; never more than declared."""
    packed = _packed(data, entry)
    size, crc = 0, 0
    for chunk in _inflate(packed, entry) if entry.deflated else _pieces(packed, CHUNK_BYTES):
        size += len(chunk)
        if size > entry.size:
            raise refused(entry.path, f"it is larger than the {entry.size} bytes declared")
        crc = zlib.crc32(chunk, crc)
        yield chunk
    _check(entry, size, crc)


def verify(
    data: bytes | bytearray | memoryview | mmap.mmap, archive: Archive, executor: Executor | None = None
) -> None:
    """Inflate every file of *archive*; ArchiveUnreadable for the first whose size or checksum is not as declared.

    With *executor* two threads share the work (zlib lets go of the interpreter lock); what it has no thread free for
    is done by the caller, so a busy executor, even the caller's own, only costs the help.
    """
    view = memoryview(data)
    files = [entry for entry in archive.entries if entry.kind is Kind.FILE]
    if executor is None or sum(entry.size for entry in files) < _PARALLEL_BYTES_MIN:
        _verify(view, files)
        return
    mine, helpers = _halves(files)
    future = executor.submit(_verify, view, helpers)
    try:
        _verify(view, mine)
    finally:
        cancelled = future.cancel()
        error = None if cancelled else future.exception()
    if cancelled:
        _verify(view, helpers)
    elif error is not None:
        raise error


def _verify(data: memoryview, entries: Iterable[Entry]) -> None:
    for entry in entries:
        if not entry.deflated:
            # As it lies there: what is copied only to be counted takes pages that have to be had first.
            _check(entry, entry.packed_size, zlib.crc32(_packed(data, entry)))
        elif entry.size <= CHUNK_BYTES:
            content(data, entry)
        else:
            for _ in chunks(data, entry):
                pass


def _packed(data: memoryview, entry: Entry) -> memoryview:
    return data[entry.data_offset : entry.data_offset + entry.packed_size]


def _halves(entries: Iterable[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Two parts of about equal size: largest first, each to the part that has less so far."""
    parts: tuple[list[Entry], list[Entry]] = ([], [])
    sizes = [0, 0]
    for entry in sorted(entries, key=lambda entry: -entry.size):
        lighter = 0 if sizes[0] <= sizes[1] else 1
        parts[lighter].append(entry)
        sizes[lighter] += entry.size
    return parts


def _inflate_whole(packed: memoryview, entry: Entry) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        # One byte more than declared, so that a forged size shows, and because 0 would mean no limit.
        found = inflater.decompress(packed, entry.size + 1)
    except zlib.error as error:
        raise refused(entry.path, f"its bytes do not inflate ({error})") from error
    if len(found) <= entry.size:
        _check_ended(inflater, entry)
    return found


def _inflate(packed: memoryview, entry: Entry) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for piece in _pieces(packed, _FEED_BYTES):
            if inflater.eof:
                break
            feed: bytes | memoryview = piece
            while feed and not inflater.eof:
                if chunk := inflater.decompress(feed, CHUNK_BYTES):
                    yield chunk
                feed = inflater.unconsumed_tail
        # zlib may hold output back that the limit on the last call left no room for.
        while not inflater.eof and (chunk := inflater.decompress(b"", CHUNK_BYTES)):
            yield chunk
    except zlib.error as error:
        raise refused(entry.path, f"its bytes do not inflate ({error})") from error
    _check_ended(inflater, entry)


def _pieces(view: memoryview, size: int) -> Iterator[memoryview]:
    return (view[at : at + size] for at in range(0, len(view), size))


def _check_ended(inflater: zlib._Decompress, entry: Entry) -> None:
    if not inflater.eof:
        raise refused(entry.path, "its bytes end too early")
    if inflater.unused_data:
        raise refused(entry.path, "more bytes follow than belong to it")


def _check(entry: Entry, size: int, crc: int) -> None:
    if size != entry.size:
        raise refused(entry.path, f"it has not the {entry.size} bytes declared")
    if crc != entry.crc:
        raise refused(entry.path, "its checksum is wrong")
