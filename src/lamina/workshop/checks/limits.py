"""LAM20x: sizes and counts, as a server compares them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from lamina.layers.attaching import LAYERS_MAX
from lamina.layers.sizes import UNZIPPED_BYTES_MAX, UPLOADED_BYTES_MAX
from lamina.workshop.checks.attached import Attached
from lamina.workshop.checks.findings import Fault, Rule, Severity, listed

_MB: Final = 1_000_000


def _too_many(attached: Attached) -> Iterator[Fault]:
    count = len(attached.layers)
    if count > LAYERS_MAX:
        mend = "Publish several of them as one layer: lamina build puts packages together."
        yield Fault(None, (), f"a function takes {LAYERS_MAX} layers, not {count}", mend)


def _too_large(attached: Attached) -> Iterator[Fault]:
    total = sum(examined.artifact.unzipped_bytes for examined in attached.all)
    if total > UNZIPPED_BYTES_MAX:
        parts = sorted(attached.all, key=lambda examined: -examined.artifact.unzipped_bytes)
        sizes = [f"{part.name} {part.artifact.unzipped_bytes / _MB:.1f} MB" for part in parts]
        packages = sorted((package for part in parts for package in part.packages), key=lambda found: -found.size_bytes)
        largest = listed(f"{package.name} ({package.size_bytes / _MB:.1f} MB)" for package in packages[:3])
        yield Fault(
            parts[0].name if len(parts) == 1 else None,
            (),
            f"unzipped it takes {total:,} bytes, {total - UNZIPPED_BYTES_MAX:,} more than the {UNZIPPED_BYTES_MAX:,} "
            f"that a function and its layers may have together: {listed(sizes, LAYERS_MAX + 1)}",
            f"Leave out what the function does not need. The largest packages are {largest}."
            if largest
            else "Leave out what the function does not need, or fetch it at run time into /tmp.",
        )


def _too_large_to_upload(attached: Attached) -> Iterator[Fault]:
    for examined in attached.all:
        zipped = examined.artifact.zipped_bytes
        if zipped is not None and zipped > UPLOADED_BYTES_MAX and examined.artifact.arn is None:
            yield Fault(
                examined.name,
                (),
                f"zipped it has {zipped:,} bytes, and a request takes {UPLOADED_BYTES_MAX:,}",
                "Upload it to S3 and publish from there: --content S3Bucket=…,S3Key=…",
            )


def _same_layer(attached: Attached) -> Iterator[Fault]:
    versions = defaultdict(list)
    for layer in attached.layers:
        if layer.artifact.arn is not None:
            versions[layer.artifact.arn.rpartition(":")[0]].append(layer.artifact.arn)
    for arns in versions.values():
        if len(arns) > 1:
            mend = "Attach one of them."
            yield Fault(None, (), f"a function takes one version of a layer, not both {' and '.join(arns)}", mend)


def _regions(attached: Attached) -> Iterator[Fault]:
    arns = [examined.artifact.arn for examined in attached.all if examined.artifact.arn is not None]
    regions = sorted({arn.split(":")[3] for arn in arns})
    if len(regions) > 1:
        mend = "Publish the layers in the function's own region."
        yield Fault(None, (), f"a function's layers are of its own region, and these are of {listed(regions)}", mend)


def _undeclared(attached: Attached) -> Iterator[Fault]:
    for layer in attached.layers:
        artifact = layer.artifact
        for wanted, declared in (
            (attached.target.runtime, artifact.runtimes),
            (attached.target.architecture, artifact.architectures),
        ):
            if wanted is not None and declared and wanted not in declared:
                yield Fault(
                    layer.name,
                    (),
                    f"it was published for {listed(declared, 8)}, not for {wanted}",
                    "Lambda attaches it all the same: try it, or take the layer's version for what you use.",
                )


RULES = (
    Rule("LAM201", Severity.ERROR, "more than five layers", _too_many),
    Rule("LAM202", Severity.ERROR, "too large unzipped", _too_large),
    Rule("LAM203", Severity.WARNING, "too large for a request", _too_large_to_upload),
    Rule("LAM204", Severity.ERROR, "two versions of one layer", _same_layer),
    Rule("LAM205", Severity.ERROR, "layers of different regions", _regions),
    Rule("LAM206", Severity.WARNING, "published for something else", _undeclared),
)
