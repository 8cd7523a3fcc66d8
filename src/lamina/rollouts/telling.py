"""A plan in plain words: what changes for whom, in which order, what is looked at, and what if it goes wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from lamina.names import LayerVersionArn
from lamina.rollouts.consumers import layer_version
from lamina.rollouts.plans import Combination, LayerChange, OnFailure, Options, Plan, Target

_NAMES_SHOWN = 4
_PACKAGES_SHOWN = 12


def headline(plan: Plan) -> str:
    """What the plan does, in a line."""
    moves = [f"{_name(move.layer)} {_numbers(move.before)} → {move.after}" for move in plan.moves]
    where = sorted({f"{target.account} {target.place.region}" for target in plan.targets})
    told = "; ".join(dict.fromkeys(moves)) or "nothing to move"
    return f"{told}: {counted(len(plan.targets), 'function')}" + (f" ({', '.join(where)})" if where else "")


def changes(plan: Plan) -> list[str]:
    """What the new versions of the layer bring."""
    return [line for change in plan.changes for line in _change(change)]


def targets(plan: Plan) -> list[str]:
    """The layers of the functions before and after, functions that are alike together, with what a check says."""
    lines: list[str] = []
    alike: defaultdict[tuple[object, ...], list[Target]] = defaultdict(list)
    for target in plan.targets:
        case = (target.combination, target.layers_before, target.layers_after, target.runtime, target.architectures)
        alike[case].append(target)
    for group in alike.values():
        one = group[0]
        made_for = ", ".join(filter(None, (one.runtime, *one.architectures)))
        lines.append(f"{counted(len(group), 'function')} ({made_for}): {named([target.name for target in group])}")
        lines.append(f"  layers: {', '.join(_layers(one))}")
        if one.combination is not None:
            lines += [f"  {line}" for line in _verdict(plan.combinations[one.combination])]
    return lines


def left_out(plan: Plan) -> list[str]:
    """Who is left out, by reason."""
    by_reason: defaultdict[str, list[str]] = defaultdict(list)
    for left in plan.left_out:
        by_reason[left.why].append(left.function.split(":")[6])
    return [f"{named(names)}: {why}" for why, names in by_reason.items()]


def procedure(plan: Plan) -> list[str]:
    """How it is carried out."""
    options = plan.options
    return [line for line in (*_waves(plan), *_each(options), *_alias(options), _failing(options)) if line]


def named(names: Sequence[str]) -> str:
    """*names* for a sentence: the first few, and how many more."""
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def counted(count: int, noun: str) -> str:
    """Such as "1 function" or "2 functions"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _name(layer: str) -> str:
    return layer.rpartition(":")[2]


def _numbers(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers)) or "(alias only)"


def _change(change: LayerChange) -> Iterator[str]:
    before, after = layer_version(change.before), layer_version(change.after)
    assert before is not None
    assert after is not None
    title = f"{before.layer.name} {before.number} → {after.number} in {after.scope.region}"
    if change.unread is not None:
        yield f"{title}: not compared, {change.unread}; a version that is gone cannot be put back"
        return
    grown = f"{_size(change.bytes_before)} → {_size(change.bytes_after)} unzipped"
    if not change.packages and not change.files_changed:
        yield f"{title}: nothing differs, {grown}"
        return
    packages = [
        f"{package.name} {', '.join(package.before) or 'none'} → {', '.join(package.after) or 'none'}"
        for package in change.packages
    ]
    more = len(packages) - _PACKAGES_SHOWN
    others = [f"and {counted(more, 'package')} more"] if more > 0 else []
    others += [counted(change.files_changed, "other file")] if change.files_changed else []
    yield f"{title}: {grown}"
    for told in (*packages[:_PACKAGES_SHOWN], *others):
        yield f"  {told}"


def _layers(target: Target) -> Iterator[str]:
    for before, after in zip(target.layers_before, target.layers_after, strict=True):
        shown = _short(layer_version(before), before)
        yield shown if before == after else f"{shown} → {after.rpartition(':')[2]}"


def _short(arn: LayerVersionArn | None, text: str) -> str:
    return text if arn is None else f"{arn.layer.name}:{arn.number}"


def _verdict(combination: Combination) -> Iterator[str]:
    if combination.unchecked is not None:
        yield f"not checked: {combination.unchecked}"
    for finding in combination.findings:
        where = f"{finding.where}: " if finding.where else ""
        yield f"{finding.severity} {finding.id} {where}{finding.says}"
    if combination.unchecked is None and not combination.findings:
        yield "check: nothing that was not there before"


def _waves(plan: Plan) -> Iterator[str]:
    at_once = f"up to {plan.options.concurrency} at a time"
    if len(plan.waves) < 2:
        yield f"all functions in one wave, {at_once}"
    else:
        yield f"{len(plan.waves)} waves of {', '.join(str(len(wave)) for wave in plan.waves)} functions, {at_once}"


def _each(options: Options) -> Iterator[str]:
    verification = options.verification
    if verification.events:
        slower = (
            "" if verification.slower_max is None else f", or takes more than {verification.slower_max:g} times as long"
        )
        expected = "" if verification.expected is None else ", or does not answer what is expected"
        yield f"each is invoked before and after; it fails if it does then and did not before{expected}{slower}"
    if verification.command is not None:
        yield f"each is tried by: {verification.command}"
    if not verification.events and verification.command is None and verification.error_rate_max is None:
        yield "none is tried: only that the update takes effect is waited for"
    if options.publish and options.alias is None:
        yield "a version of each is published"


def _alias(options: Options) -> Iterator[str]:
    rate = options.verification.error_rate_max
    watched = "" if rate is None else f", in which errors may grow by {rate:.1%} of invocations"
    bake = f"{options.bake_s} s{watched}" if options.bake_s else ""
    if options.alias is None:
        yield f"after each wave: {bake}" if bake else ""
        return
    steps = ", ".join(f"{share:.0%}" for share in options.shares)
    pause = f", between steps {bake}" if bake and len(options.shares) > 1 else f", then {bake}" if bake else ""
    yield f"a version of each is published, and {options.alias} sends it {steps} of the invocations{pause}"


def _failing(options: Options) -> str:
    then = {
        OnFailure.STOP: "the roll-out stops where it is",
        OnFailure.WAVE: "the wave goes back and the roll-out stops",
        OnFailure.ALL: "everything goes back",
    }[options.on_failure]
    if options.failures_max == 0:
        return f"if one fails, {then}"
    return f"what fails goes back alone; if more than {options.failures_max} fail, {then}"


def _size(count: int) -> str:
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1e3:.1f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"
