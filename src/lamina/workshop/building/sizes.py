"""How large a layer is and by which package; what would not fit, and how to divide it. Pure. Sizes are in bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lamina.layers.sizes import UNZIPPED_BYTES_MAX, UPLOADED_BYTES_MAX
from lamina.workshop.building.archives import Packed, overhead_bytes
from lamina.workshop.building.pieces import Package
from lamina.workshop.errors import WorkshopError

LAYERS_MAX = 5


@dataclass(frozen=True, slots=True)
class PackageSize:
    """What one package takes of a layer."""

    package: Package
    files: int
    zipped_bytes: int
    unzipped_bytes: int


def by_package(packed: Iterable[Packed]) -> tuple[PackageSize, ...]:
    """The packages of *packed*, the largest first."""
    found: dict[Package, list[Packed]] = {}
    for item in packed:
        found.setdefault(item.piece.package, []).append(item)
    sizes = [
        PackageSize(package, len(items), sum(item.zipped_bytes for item in items), sum(item.size for item in items))
        for package, items in found.items()
    ]
    return tuple(sorted(sizes, key=lambda size: (-size.unzipped_bytes, size.package.name)))


def divide(sizes: Sequence[PackageSize]) -> list[list[Package]]:
    """Into as few layers as can be uploaded without S3, each package whole in one of them.

    Raises WorkshopError if there is no such way.
    """
    room_max = UPLOADED_BYTES_MAX - overhead_bytes(1 << 16)
    layers: list[list[PackageSize]] = []
    for size in sorted(sizes, key=lambda size: (-size.zipped_bytes, size.package.name)):
        if size.zipped_bytes > room_max or size.unzipped_bytes > UNZIPPED_BYTES_MAX:
            raise WorkshopError(
                f"{size.package} alone is too large for a layer that is uploaded directly: "
                f"{_mb(size.zipped_bytes)} zipped, {_mb(size.unzipped_bytes)} unzipped",
                "Strip it (--strip tests,docs), or upload the layer through S3.",
            )
        fitting = (layer for layer in layers if _fits([*layer, size], room_max))
        layer = next(fitting, None)
        if layer is None:
            layers.append([size])
        else:
            layer.append(size)
    if len(layers) > LAYERS_MAX:
        raise WorkshopError(f"it takes {len(layers)} layers, and a function can have {LAYERS_MAX}")
    return [[size.package for size in layer] for layer in layers]


def overflows(sizes: Sequence[PackageSize], *, divided: bool) -> list[str]:
    """A sentence for each limit of AWS's that a layer of *sizes* passes, with the packages to move out of it.

    Of one that was *divided*, the limit remains that all its layers have together.
    """
    zipped = sum(size.zipped_bytes for size in sizes) + overhead_bytes(sum(size.files for size in sizes))
    unzipped = sum(size.unzipped_bytes for size in sizes)
    found = []
    if unzipped > UNZIPPED_BYTES_MAX:
        names = _to_move([(size.unzipped_bytes, size.package) for size in sizes], unzipped - UNZIPPED_BYTES_MAX)
        found.append(
            f"it unpacks to {_mb(unzipped)}, and a function may have {_mb(UNZIPPED_BYTES_MAX)} with all its layers: "
            f"{names} would have to go"
        )
    if zipped > UPLOADED_BYTES_MAX and not divided:
        names = _to_move([(size.zipped_bytes, size.package) for size in sizes], zipped - UPLOADED_BYTES_MAX)
        found.append(
            f"its archive has {_mb(zipped)}, and {_mb(UPLOADED_BYTES_MAX)} can be uploaded without S3: "
            f"{names} could move to another layer (--split)"
        )
    return found


def _fits(sizes: Sequence[PackageSize], zipped_max: int) -> bool:
    zipped, unzipped = sum(size.zipped_bytes for size in sizes), sum(size.unzipped_bytes for size in sizes)
    return zipped <= zipped_max and unzipped <= UNZIPPED_BYTES_MAX


def _to_move(sizes: Sequence[tuple[int, Package]], excess: int) -> str:
    """The smallest package that frees *excess*; else the largest ones, as many as it takes."""
    enough = sorted((size, str(package)) for size, package in sizes if size >= excess)
    if enough:
        return f"{enough[0][1]} ({_mb(enough[0][0])})"
    moved, freed = [], 0
    for size, package in sorted(sizes, key=lambda one: (-one[0], one[1].name)):
        if freed >= excess:
            break
        moved.append(f"{package} ({_mb(size)})")
        freed += size
    return " and ".join(moved)


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
