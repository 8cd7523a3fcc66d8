"""The one path of an uploaded archive: from a request or from S3, checked whole, durable before anybody names it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol

from lamina import errors
from lamina.layers import archive as archives
from lamina.layers import sizes
from lamina.layers.versions import StoredArchive
from lamina.operations.call import Call
from lamina.operations.reclaiming import Reclaimer
from lamina.store import Blobs, Received

# What the largest archive may take that unpacks to the limit: stored uncompressed, with names and a directory.
_FETCHED_BYTES_MAX = sizes.UNZIPPED_BYTES_MAX
# Smaller ones are checked sooner than a thread has begun to help.
_CHECKED_ALONE_BYTES_MAX = 2 << 20


class Archives(Protocol):
    """Where archives are that a request names by bucket and key."""

    def fetch(self, call: Call, bucket: str, key: str, version: str | None, bytes_max: int) -> bytes:
        """The bytes of one; AWS's error where there is none, and for one of more than *bytes_max* bytes."""
        ...


class Uploads:
    """Turns the members that carry an archive (`ZipFile`, or `S3Bucket` and `S3Key`) into a stored one."""

    def __init__(self, blobs: Blobs, reclaimer: Reclaimer, s3: Archives) -> None:
        self._blobs = blobs
        self._reclaimer = reclaimer
        self._s3 = s3

    @contextmanager
    def received(self, call: Call, source: Mapping[str, Any], what: str) -> Iterator[StoredArchive]:
        """The archive that *source* carries, for the time of the `with`, in which it has to be recorded.

        Its bytes are durable, and removed again if the `with` ends with an exception; who leaves it otherwise without
        recording it has the digest reclaimed. AWS's error if there is no archive, more than one, or one that may not
        be unpacked. *what* it is for ("function code") goes into errors.
        """
        with self.kept(self._bytes(call, source, what)) as archive:
            yield archive

    @contextmanager
    def kept(self, data: bytes | Received) -> Iterator[StoredArchive]:
        """The same for an archive's bytes, wherever they are from."""
        received = data if isinstance(data, Received) else self._received(data)
        zipped = len(received)
        # Up to 250 MB that are not needed while the catalog is written.
        del data
        try:
            inspected = _checked(received)
            with self._reclaimer.holding(received.digest):
                self._blobs.keep(received)
                try:
                    yield StoredArchive(received.digest, zipped, inspected.unzipped_bytes)
                except BaseException:
                    # Put off until the hold ends, then looked at: others may have recorded the very same archive.
                    self._reclaimer.reclaim([received.digest])
                    raise
        finally:
            received.drop()

    def _received(self, data: bytes) -> Received:
        incoming = self._blobs.incoming()
        incoming.write(data)
        return incoming.finish()

    def _bytes(self, call: Call, source: Mapping[str, Any], what: str) -> bytes | Received:
        zip_file, bucket, key = source.get("ZipFile"), source.get("S3Bucket"), source.get("S3Key")
        if zip_file is not None:
            if bucket is not None or key is not None:
                raise errors.invalid_parameter_value(
                    "Please do not provide other FunctionCode parameters when providing a ZipFile."
                )
            sizes.check_uploaded(len(zip_file))
            return zip_file if isinstance(zip_file, Received) else bytes(zip_file)
        if bucket is None or key is None:
            raise errors.invalid_parameter_value(f"Please provide a source for {what}.")
        return self._s3.fetch(call, bucket, key, source.get("S3ObjectVersion"), _FETCHED_BYTES_MAX)


def _checked(received: Received) -> archives.Archive:
    """What is in the archive, every byte of it verified. Raises AWS's error, OSError."""
    try:
        inspected = archives.inspect(received.data)
        if len(received) < _CHECKED_ALONE_BYTES_MAX:
            archives.verify(received.data, inspected)
            return inspected
        with ThreadPoolExecutor(1, "uploads") as helpers:
            archives.verify(received.data, inspected, helpers)
        return inspected
    except archives.ArchiveError as error:
        raise error.api_error from error
