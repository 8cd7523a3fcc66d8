"""`lamina retire`: versions of a layer that nobody uses, deleted."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamina.cli.consumers import reading
from lamina.cli.endpoints import EndpointUrl, Region, chosen
from lamina.cli.failures import Failure
from lamina.cli.references import layer_named, words
from lamina.cli.registers import register

if TYPE_CHECKING:
    from lamina.names import LayerVersionArn
    from lamina.rollouts.retiring import Fate

_LAYER = "The layer, by NAME or ARN."
_KEEP = "How many of the newest stay in any case."
_PROFILES = "The owner's profile; after commas those of other accounts whose functions are to be looked at, too."
_FORCE = "Delete also what is used, or what others may be using."
_CHANNELS = "A file, ssm, or none if you have no channels.  [default: lamina-channels.toml here or above, else ssm]"
_NONE = "none"
_NAMED_MAX = 3


def retire(
    layer: Annotated[str, typer.Argument(metavar="LAYER", help=_LAYER)],
    keep: Annotated[int, typer.Option("--keep", metavar="N", min=0, help=_KEEP)] = 3,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete them; without this, it only says which.")] = False,
    force: Annotated[bool, typer.Option("--force", help=_FORCE)] = False,
    channels: Annotated[str | None, typer.Option("--channels", metavar="WHERE", help=_CHANNELS)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the same as JSON.")] = False,
    endpoint: EndpointUrl = None,
    profile: Annotated[list[str] | None, typer.Option("--profile", metavar="NAME,…", help=_PROFILES)] = None,
    region: Region = None,
) -> None:
    """Delete versions of a layer that nobody uses.

    Stays what any function has attached, in $LATEST or in a published version; what a channel points at; what is shared
    with others whose functions cannot be seen from here; and the newest. Without --yes nothing is deleted.

    \b
    Examples:
      lamina retire my-layer
      lamina retire my-layer --keep 5 --yes
      lamina retire my-layer --endpoint aws --profile tools,staging,production
    """
    from lamina.rollouts.consumers import LayerReference
    from lamina.rollouts.retiring import plan_retirement
    from lamina.workshop.consuming import Reading, places, read_consumers
    from lamina.workshop.layer_versions import Versions, accounts

    named = layer_named(layer)
    if named.versions:
        raise Failure(f"{layer} names one version", "Name the layer alone: --keep says what stays.", Failure.USAGE)
    profiles = words(profile)
    at = chosen(endpoint, next(iter(profiles), None), region or named.region)
    client = at.client()
    versions = Versions(at, client)
    found = versions.of(named)
    # Versions of one layer are used in its own region only, by functions that name it with its account.
    whole = LayerReference(named.name, found[0].scope.account, found[0].scope.region)
    where = places(at, profiles, [found[0].scope.region])
    with reading() as told:
        seen = read_consumers(where, Reading(whole), told)
    pointing = [] if channels == _NONE else register(channels, at, found[0].scope.region).channels()

    def planned(shared_with: dict[int, list[str]]) -> tuple[Fate, ...]:
        return plan_retirement(
            found, keep=keep, consumers=seen, channels=pointing, shared_with=shared_with, forced=force
        )

    # Asked only of those that would go.
    looked_at = {found[0].scope.account, *accounts(where)}
    shared = {
        fate.version.number: [name for name in versions.shared_with(fate.version) if name not in looked_at]
        for fate in planned({})
        if fate.deleted
    }
    fates = planned(shared)
    gone: list[LayerVersionArn] = []
    try:
        if yes:
            for version in versions.delete(fate.version for fate in fates if fate.deleted):
                gone.append(version)  # noqa: PERF402 - one by one: what is gone stays told when the next one fails
    finally:
        # Where one could not be deleted, those before it are gone all the same.
        if as_json:
            print(json.dumps(_as_json(fates, gone, deleted=yes), indent=2))
        else:
            _print(fates, gone)


def _as_json(fates: Sequence[Fate], gone: Container[LayerVersionArn], *, deleted: bool) -> dict[str, Any]:
    return {
        "deleted": deleted,
        "versions": [
            {
                "arn": str(fate.version),
                "version": fate.version.number,
                "goes": fate.deleted,
                "gone": fate.version in gone,
                "newest": fate.newest,
                "used_by": fate.used_by,
                "channels": fate.channels,
                "shared_with": fate.shared_with,
            }
            for fate in fates
        ],
    }


def _print(fates: Sequence[Fate], gone: Sequence[LayerVersionArn]) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    width = len(str(fates[0].version.number))
    for fate in fates:
        mark = "[yellow]would go[/]" if fate.deleted else "[green]stays[/]"
        if fate.version in gone:
            mark = "[red]deleted[/]"
        padding = " " * (8 - len(mark.partition("]")[2].partition("[")[0]))
        reasons = escape("; ".join(_reasons(fate)))
        console.print(f"{fate.version.number:>{width}}  {mark}{padding}  {reasons}".rstrip())
    going = sum(fate.deleted for fate in fates)
    if gone:
        left = f", {going - len(gone)} more would go" if going > len(gone) else ""
        console.print(f"[bold]{len(gone)} of {len(fates)} versions are deleted{left}[/]")
    else:
        told = f"[bold]{going} of {len(fates)} versions would go[/]"
        console.print(told + (": --yes deletes them" if going else ""))


def _reasons(fate: Fate) -> list[str]:
    reasons = ["one of the newest"] if fate.newest else []
    if fate.channels:
        reasons.append(f"channel {', '.join(fate.channels)}")
    if fate.used_by:
        named = ", ".join(fate.used_by[:_NAMED_MAX])
        more = len(fate.used_by) - _NAMED_MAX
        reasons.append(f"used by {named}{f' and {more} more' if more > 0 else ''}")
    if fate.shared_with:
        reasons.append(f"shared with {', '.join(fate.shared_with)}, whose functions were not looked at")
    return reasons
