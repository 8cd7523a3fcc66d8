"""`lamina share`: the same layer in several regions, for others to use."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamina.cli.endpoints import EndpointUrl, Profile, Region, chosen
from lamina.cli.failures import Failure
from lamina.cli.loading import downloads
from lamina.cli.references import layer_named, words

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.workshop.sharing.copies import Copies
    from lamina.workshop.sharing.everywhere import RegionOutcome
    from lamina.workshop.sharing.plans import RegionPlan, SharedVersion

_LAYER = "NAME, NAME:VERSION or an ARN; without a version, the newest."
_ACCOUNTS = "Accounts that may use it, separated by commas."
_ORGANIZATIONS = "An organisation of AWS Organizations, all of whose accounts may use it."
_REGIONS = "Regions that it is to be in, separated by commas.  [default: the one it is in]"
_BUCKET = "Bucket by which an archive goes that is too large to be sent directly; {region} stands for the region."
_AS = "Then read it as this profile, which must be let in; may be repeated."
_ROLE = "Then read it in each of the accounts, by assuming its role of this name."


def share(
    layer: Annotated[str, typer.Argument(metavar="LAYER", help=_LAYER)],
    accounts: Annotated[list[str] | None, typer.Option("--accounts", metavar="LIST", help=_ACCOUNTS)] = None,
    organizations: Annotated[list[str] | None, typer.Option("--org", metavar="ID", help=_ORGANIZATIONS)] = None,
    public: Annotated[bool, typer.Option("--public", help="Everybody may use it.")] = False,
    regions: Annotated[list[str] | None, typer.Option("--regions", metavar="LIST", help=_REGIONS)] = None,
    bucket: Annotated[str | None, typer.Option(metavar="NAME", help=_BUCKET)] = None,
    verify_as: Annotated[list[str] | None, typer.Option("--verify-as", metavar="PROFILE", help=_AS)] = None,
    assume_role: Annotated[str | None, typer.Option("--assume-role", metavar="NAME", help=_ROLE)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only say what would be done.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what came of it as JSON.")] = False,
    endpoint: EndpointUrl = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Put a layer version into regions, let others use it, and show who may use it where.

    A region that has a version with the same bytes and attributes keeps it; what is allowed already is not added again;
    nothing is taken away. With nobody named, it shows who may use the layer.

    \b
    Examples:
      lamina share my-layer
      lamina share my-layer:7 --accounts 111122223333,444455556666 --regions eu-central-1,us-east-1
      lamina share my-layer --org o-a1b2c3d4e5 --verify-as member-account
    """
    from lamina.workshop.endpoint import beside
    from lamina.workshop.sharing import everywhere, plans
    from lamina.workshop.sharing.copies import Copies
    from lamina.workshop.sharing.witnesses import Witnesses

    named = layer_named(layer)
    whom = plans.audiences(words(accounts), words(organizations), public=public)
    if assume_role is not None and not words(accounts):
        raise Failure("--assume-role wants accounts to assume it in", "Name them: --accounts LIST", Failure.USAGE)
    api = chosen(endpoint, profile, region)
    copies = Copies(api, beside(api, "S3", os.environ), bucket)
    witnesses = Witnesses(api, beside(api, "STS", os.environ), words(verify_as), words(accounts), assume_role)
    original = copies.original(named)
    where = words(regions) or [original.arn.scope.region]
    looks = everywhere.look(copies, original, where, whom)
    if dry_run:
        outcomes = [_as_planned(look) for look in looks]
    else:
        file = _archive(copies, original, looks)
        with _progress() as told:
            outcomes = everywhere.carry_out(copies, original, looks, witnesses, file, told)
    if as_json:
        print(json.dumps(_as_json(original, outcomes, dry_run), indent=2))
    else:
        _print(original, outcomes, dry_run)
    if not all(outcome.is_well for outcome in outcomes):
        raise typer.Exit(Failure.FAILED)


def _archive(copies: Copies, original: SharedVersion, looks: Sequence[RegionPlan | RegionOutcome]) -> Path | None:
    """The archive of *original*, if a region lacks it."""
    from lamina.workshop.sharing.plans import RegionPlan
    from lamina.workshop.sources import fetch_layer

    if all(look.version is not None for look in looks if isinstance(look, RegionPlan)):
        return None
    with downloads() as store:
        return fetch_layer(str(original.arn), copies.endpoint, store).file


@contextmanager
def _progress() -> Iterator[Callable[[str, str], None]]:
    """What to tell of steps; on a terminal a line that changes, elsewhere a line each."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        yield lambda region, step: console.print(f"{escape(region)}: {step}")
        return
    with console.status("…") as status:
        yield lambda region, step: status.update(f"{escape(region)}: {step} …")


def _as_planned(look: RegionPlan | RegionOutcome) -> RegionOutcome:
    from lamina.workshop.sharing.everywhere import RegionOutcome
    from lamina.workshop.sharing.plans import Audience

    if isinstance(look, RegionOutcome):
        return look
    granted = tuple(Audience.of(grant) for grant in look.grants)
    return RegionOutcome(look.region, look.version, look.version is None, granted)


def _as_json(original: SharedVersion, outcomes: Sequence[RegionOutcome], dry_run: bool) -> dict[str, Any]:
    return {
        "layer": str(original.arn),
        "code_sha256": original.attributes.code_sha256,
        "dry_run": dry_run,
        "regions": [
            {
                "region": outcome.region,
                "arn": None if outcome.version is None else str(outcome.version.arn),
                "published": outcome.published,
                "granted": [audience.name for audience in outcome.granted],
                "allowed": [audience.name for audience in outcome.allowed],
                "verified": [{"as": each.witness, "refusal": each.refusal or None} for each in outcome.testimonies],
                "error": outcome.error or None,
            }
            for outcome in outcomes
        ],
    }


def _print(original: SharedVersion, outcomes: Sequence[RegionOutcome], dry_run: bool) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from lamina.cli.tables import print_table
    from lamina.workshop.sharing.plans import order

    console = Console(highlight=False, soft_wrap=True)
    audiences = sorted({audience for outcome in outcomes for audience in outcome.allowed}, key=order)
    witnesses = list(dict.fromkeys(each.witness for outcome in outcomes for each in outcome.testimonies))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ["region", "version", *(audience.name for audience in audiences)]:
        table.add_column(escape(heading), no_wrap=True)
    for witness in witnesses:
        table.add_column(f"as {escape(witness)}", no_wrap=True)
    new = "to be added" if dry_run else "new"
    for outcome in outcomes:
        number = "" if outcome.version is None else str(outcome.version.arn.number)
        if outcome.published:
            number = "to be published" if dry_run else f"{number} ({new})"
        cells = [
            f"[green]{new}[/]" if audience in outcome.granted else "yes" if audience in outcome.allowed else "[dim]-[/]"
            for audience in audiences
        ]
        refusals = {each.witness: each.refusal for each in outcome.testimonies}
        seen = [
            "" if witness not in refusals else "[red]refused[/]" if refusals[witness] else "[green]reads it[/]"
            for witness in witnesses
        ]
        table.add_row(escape(outcome.region), f"[red]failed[/] {number}" if outcome.error else number, *cells, *seen)
    console.print(f"[bold]{escape(str(original.arn))}[/]")
    print_table(console, table)
    if not audiences:
        console.print("[dim]shared with nobody[/]")
    for outcome in outcomes:
        if outcome.error:
            console.print(f"[red]failed[/] {escape(outcome.region)}: {escape(outcome.error)}")
        for each in outcome.testimonies:
            if each.refusal:
                told = f"{outcome.region} as {each.witness}: {each.refusal}"
                console.print(f"[red]refused[/] {escape(told)}")
