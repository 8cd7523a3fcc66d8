"""The bytes: uploaded archives by their digest, and the trees they are extracted to."""

from __future__ import annotations

from lamina.store.blobs import Blobs, Incoming
from lamina.store.errors import BlobDamaged, BlobMissing, StoreError
from lamina.store.folder_blobs import FolderBlobs
from lamina.store.incoming import Received
from lamina.store.trees import Tree, Trees

__all__ = [
    "BlobDamaged",
    "BlobMissing",
    "Blobs",
    "FolderBlobs",
    "Incoming",
    "Received",
    "StoreError",
    "Tree",
    "Trees",
]
