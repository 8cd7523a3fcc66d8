"""What can be wrong with stored bytes. These are the world's errors, not the caller's."""

from __future__ import annotations

from lamina.names import Digest


class StoreError(Exception):
    """Something on disk is not as it was left."""


class BlobMissing(StoreError):
    """No blob has this digest: it was never put, or it has been deleted."""

    def __init__(self, digest: Digest) -> None:
        super().__init__(f"blob {digest.hex[:12]} is not in the store")
        self.digest = digest


class BlobDamaged(StoreError):
    """The bytes on disk no longer hash to their name: the disk changed them, not us."""

    def __init__(self, expected: Digest, found: Digest) -> None:
        super().__init__(f"blob {expected.hex[:12]} reads back as {found.hex[:12]}")
        self.expected, self.found = expected, found
