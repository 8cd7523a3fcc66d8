"""What a plan means for its functions, found before anything changes: how the layer differs, and what `lamina check`
has against the new layers that it had not against the old ones.

Functions with the same layers, runtime and architecture are one case. With their code, which has to be fetched, each
code is a case of its own: then what it requires, and its share of the 250 MB, are looked at, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from lamina.rollouts.consumers import Consumer, LayerReference, Place
from lamina.rollouts.plans import Combination, LayerChange, PackageMove, Plan, Target, Warned
from lamina.workshop.artifacts import Artifact, Role
from lamina.workshop.checks import attached as attaching
from lamina.workshop.checks import running
from lamina.workshop.checks.attached import Attached, Examined
from lamina.workshop.checks.findings import Finding
from lamina.workshop.diffing import compare
from lamina.workshop.downloads import Downloads
from lamina.workshop.endpoint import Endpoint
from lamina.workshop.errors import WorkshopError
from lamina.workshop.layer_versions import newest_numbers
from lamina.workshop.rollouts.carrying import Places
from lamina.workshop.rollouts.functions import Gone
from lamina.workshop.sources import load

_Case = tuple[tuple[str, ...], tuple[str, ...], str | None, tuple[str, ...], str]


@dataclass(frozen=True, slots=True)
class Preflight:
    """Looks at plans. `endpoint` gives that of a place; what was read once is kept as long as this is."""

    endpoint: Callable[[Place], Endpoint]
    downloads: Downloads
    with_code: bool = False
    _examined: dict[str, Examined] = field(default_factory=dict)

    def look(self, plan: Plan) -> Plan:
        """*plan* with what its moves change, and with what is against each combination of its targets."""
        cases: dict[_Case, list[Target]] = {}
        for target in plan.targets:
            cases.setdefault(self._case(target), []).append(target)
        combinations = tuple(self._combination(targets) for targets in cases.values())
        index = {case: number for number, case in enumerate(cases)}
        targets = tuple(replace(target, combination=index[self._case(target)]) for target in plan.targets)
        return replace(plan, targets=targets, combinations=combinations, changes=tuple(self._changes(plan)))

    def _case(self, target: Target) -> _Case:
        code = target.code_sha256 if self.with_code else ""
        return target.layers_before, target.layers_after, target.runtime, target.architectures, code

    def _changes(self, plan: Plan) -> list[LayerChange]:
        places = {layer: target.place for target in plan.targets for layer in map(_layer, target.layers_before)}
        return [
            self._change(places[move.layer], f"{move.layer}:{number}", f"{move.layer}:{move.after}")
            for move in plan.moves
            for number in move.before
        ]

    def _change(self, place: Place, before: str, after: str) -> LayerChange:
        try:
            old, new = (self._read(place, arn, Role.LAYER).artifact for arn in (before, after))
        except WorkshopError as error:
            return LayerChange(before, after, (), 0, 0, 0, unread=str(error))
        found = compare(old, new)
        packages = tuple(
            PackageMove(change.ecosystem.value, change.name, change.before, change.after) for change in found.packages
        )
        return LayerChange(before, after, packages, len(found.other_files), old.unzipped_bytes, new.unzipped_bytes)

    def _combination(self, targets: Sequence[Target]) -> Combination:
        one = targets[0]
        case = (one.layers_after, one.runtime, one.architectures, len(targets))
        try:
            old, new = (self._findings(one, layers) for layers in (one.layers_before, one.layers_after))
        except WorkshopError as error:
            return Combination(*case, (), unchecked=str(error))
        known = {_key(finding) for finding in old}
        return Combination(*case, tuple(_warned(finding) for finding in new if _key(finding) not in known))

    def _findings(self, target: Target, layers: Sequence[str]) -> list[Finding]:
        code = self._read(target.place, target.function, Role.FUNCTION) if self.with_code else None
        attached = Attached(tuple(self._read(target.place, arn, Role.LAYER) for arn in layers), code)
        return running.check(
            attached,
            [attaching.Target(target.runtime, machine, "as the function says") for machine in target.architectures],
        )

    def _read(self, place: Place, arn: str, role: Role) -> Examined:
        if (found := self._examined.get(arn)) is None:
            artifact = _named(load(arn, self.endpoint(place), role, self.downloads), arn)
            layers, code = ([artifact], None) if role is Role.LAYER else ([], artifact)
            attached = attaching.examine(layers, code)
            found = self._examined[arn] = attached.all[0]
        return found


def newest_version(endpoints: Iterable[Endpoint], seen: Iterable[Consumer], layer: LayerReference) -> int:
    """The number of the newest version of *layer*, as *seen* consumers at *endpoints* name it.

    Raises WorkshopError when nobody uses it, or it is not one number that may be known.
    """
    used = {arn.layer for consumer in seen for arn in consumer.attached(layer)}
    if not used:
        raise WorkshopError(f"nothing uses {layer.name}", "`lamina consumers` lists who uses a layer.")
    newest = newest_numbers(endpoints, used)
    if newest.keys() != used:
        raise WorkshopError(f"{min(used - newest.keys())} is somebody else's, who alone may list it", "Say --to N.")
    if len(set(newest.values())) > 1:
        raise WorkshopError(f"the newest version of {layer.name} is not the same everywhere", "Say --to N.")
    return next(iter(newest.values()))


def check_versions(plan: Plan) -> None:
    """Raise WorkshopError unless all layer versions that *plan* attaches are there."""
    places = Places(plan)
    wanted = {
        after: target.place
        for target in plan.targets
        for before, after in zip(target.layers_before, target.layers_after, strict=True)
        if before != after
    }
    for arn, place in wanted.items():
        layer, _, number = arn.rpartition(":")
        try:
            places.functions(place).layer(layer, int(number))
        except Gone as error:
            hint = f"`aws lambda list-layer-versions --layer-name {layer}` lists those that there are."
            raise WorkshopError(f"there is no version {number} of {layer}", hint) from error


def _named(artifact: Artifact, arn: str) -> Artifact:
    """*artifact* under a name that both versions of a layer have, so that findings can be compared."""
    return replace(artifact, name=arn.split(":")[6])


def _layer(arn: str) -> str:
    return arn.rpartition(":")[0]


def _key(finding: Finding) -> tuple[str, str | None, tuple[str, ...]]:
    fault = finding.fault
    return finding.id, fault.where, fault.paths or (fault.says,)


def _warned(finding: Finding) -> Warned:
    fault = finding.fault
    return Warned(finding.id, finding.severity.value, finding.name, fault.where, fault.says, fault.mend)
