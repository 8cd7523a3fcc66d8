"""From consumers to a plan: whom it changes, in which order, and whom it leaves out, each with the reason why."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from lamina.names import LayerVersionArn
from lamina.rollouts import sizes
from lamina.rollouts.consumers import Alias, Consumer, LayerReference, Place, changed_members, layer_version
from lamina.rollouts.plans import LeftOut, Move, Options, Plan, Target


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted. `layer` is meant with all its versions; `before` are those to leave, all but `after` if None.

    `only` and `exclude` are globs over functions' names, or over their ARNs where they hold a colon; `tags` must all be
    there, with the value if one is given. `unpublished` lets an alias get what $LATEST has and its version has not.
    """

    layer: LayerReference
    after: int
    before: frozenset[int] | None = None
    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    tags: Mapping[str, str | None] | None = None
    unpublished: bool = False


class AmbiguousLayer(ValueError):
    """The layer's name is that of several accounts' layers in one place, and moving all of them is hardly meant."""


class _Left(Exception):
    """The function is left out, and why."""


def make_plan(
    wish: Wish, options: Options, waves: str, seen: Iterable[Consumer], *, id_: str, created_ms: int, endpoint: str
) -> Plan:
    """The plan that *wish* means for what was *seen*: every version of each function that may matter, with aliases.

    *waves* is text for `sizes.waves`. Of the verification's events a target gets the one of its own name, else the one
    called "". Targets come by ARN, so that the same world gives the same plan. Raises BadMeasure or AmbiguousLayer.
    """
    functions = _by_function(seen)
    _check_owner(wish, [version for versions in functions.values() for version in versions.values()])
    targets: list[Target] = []
    left_out: list[LeftOut] = []
    for function, versions in sorted(functions.items()):
        if not any(_numbers(wish, version) for version in versions.values()):
            continue
        try:
            targets.append(_target(wish, options, versions))
        except _Left as error:
            left_out.append(LeftOut(function, str(error)))
    return Plan(
        id_, created_ms, endpoint, _moves(wish, targets), options, tuple(targets),
        sizes.waves(waves, len(targets)), tuple(left_out),
    )  # fmt: skip


def plan_id(layer: str, after: int, created: str, entropy: str) -> str:
    """A name for a plan that a person can tell from others: the layer, where it goes, when, and what makes it one."""
    return f"{re.sub(r'[^a-zA-Z0-9-]', '-', layer)}-{after}-{created}-{entropy}"


def moved(layers: Sequence[str], wish: Wish) -> tuple[str, ...]:
    """*layers* in their order, each version that *wish* leaves replaced by the one that it goes to."""
    return tuple(text if _meant(wish, text) is None else f"{text.rpartition(':')[0]}:{wish.after}" for text in layers)


def _by_function(seen: Iterable[Consumer]) -> dict[str, dict[str, Consumer]]:
    functions: defaultdict[str, dict[str, Consumer]] = defaultdict(dict)
    for consumer in seen:
        functions[consumer.function][consumer.version] = consumer
    return functions


def _check_owner(wish: Wish, seen: Sequence[Consumer]) -> None:
    owners: defaultdict[tuple[Place, str], set[str]] = defaultdict(set)
    for version in seen:
        owners[version.place, version.account] |= {arn.scope.account for arn in version.attached(wish.layer)}
    for (place, _), accounts in owners.items():
        if len(accounts) > 1:
            told = " and of ".join(sorted(accounts))
            raise AmbiguousLayer(f"in {place} there is a layer {wish.layer.name} of {told}: name one by its ARN")


def _meant(wish: Wish, layer: str) -> LayerVersionArn | None:
    """*layer*, if it is a version that *wish* leaves."""
    arn = layer_version(layer)
    if arn is None or not wish.layer.is_layer(arn.layer) or arn.number == wish.after:
        return None
    return arn if wish.before is None or arn.number in wish.before else None


def _numbers(wish: Wish, consumer: Consumer) -> tuple[int, ...]:
    return tuple(arn.number for arn in (_meant(wish, layer) for layer in consumer.layers) if arn is not None)


def _target(wish: Wish, options: Options, versions: Mapping[str, Consumer]) -> Target:
    latest = next((version for version in versions.values() if version.is_latest), None)
    if latest is None:
        raise _Left("it was changed while it was listed")
    _check_chosen(wish, latest)
    alias = None
    if options.alias is not None:
        alias = _check_alias(wish, options, versions, latest)
    elif not _numbers(wish, latest):
        have_it = [int(name) for name, version in versions.items() if _numbers(wish, version)]
        published = ", ".join(map(str, sorted(have_it)))
        raise _Left(f"only what is published has it (version {published}), which never changes: --alias moves callers")
    verification = options.verification
    event = next((name for name in (latest.name, "") if name in verification.events), None)
    return Target(
        place=latest.place,
        function=latest.function,
        runtime=latest.runtime,
        architectures=latest.architectures,
        description=latest.description,
        code_sha256=latest.code_sha256,
        revision_id=latest.revision_id,
        members=latest.members,
        layers_before=latest.layers,
        layers_after=moved(latest.layers, wish),
        alias=alias,
        event=event,
    )


def _check_chosen(wish: Wish, latest: Consumer) -> None:
    if wish.only and not any(_matches(glob, latest) for glob in wish.only):
        raise _Left("it is none of those that --only names")
    if any(_matches(glob, latest) for glob in wish.exclude):
        raise _Left("--exclude names it")
    for name, value in (wish.tags or {}).items():
        found = (latest.tags or {}).get(name)
        if found is None or value not in (None, found):
            raise _Left(f"it has no tag {name}{'' if value is None else f'={value}'}")


def _matches(glob: str, consumer: Consumer) -> bool:
    return fnmatchcase(consumer.function if ":" in glob else consumer.name, glob)


def _check_alias(wish: Wish, options: Options, versions: Mapping[str, Consumer], latest: Consumer) -> Alias:
    """The alias to move. Raises _Left where moving it would do something else than change the layer."""
    name = options.alias
    led = [(version, alias) for version in versions.values() for alias in version.aliases if alias.name == name]
    if not led:
        raise _Left(f"it has no alias {name}")
    alias = led[0][1]
    if alias.routing.weights and len(options.shares) > 1:
        raise _Left(f"its alias {name} leads to two versions already: somebody is shifting it")
    old = versions.get(alias.routing.version)
    if old is None:
        raise _Left(f"its alias {name} leads to version {alias.routing.version}, which was not seen")
    if old.is_latest:
        raise _Left(f"its alias {name} leads to $LATEST, which has no versions to shift between")
    if not _numbers(wish, old) and not _numbers(wish, latest):
        raise _Left(f"neither $LATEST nor version {old.version}, to which {name} leads, has it")
    if not wish.unpublished:
        _check_published(wish, latest, old)
    return alias


def _check_published(wish: Wish, latest: Consumer, old: Consumer) -> None:
    """Raise _Left if a version published of $LATEST would differ from *old* in more than the layer's version."""
    different = [name for name in changed_members(old.members, latest.members) if name != "Description"]
    if moved(latest.layers, wish) != moved(old.layers, wish):
        different.append("Layers")
    if different:
        raise _Left(
            f"$LATEST differs from version {old.version} in {', '.join(different)}, and nobody published that: "
            "--unpublished does"
        )


def _moves(wish: Wish, targets: Sequence[Target]) -> tuple[Move, ...]:
    numbers: defaultdict[str, set[int]] = defaultdict(set)
    for target in targets:
        for text in target.layers_before:
            if (arn := _meant(wish, text)) is not None:
                numbers[str(arn.layer)].add(arn.number)
            elif (there := layer_version(text)) is not None and wish.layer.is_layer(there.layer):
                # $LATEST is there already; only its alias follows.
                numbers[str(there.layer)].update(())
    return tuple(Move(layer, tuple(sorted(found)), wish.after) for layer, found in sorted(numbers.items()))
