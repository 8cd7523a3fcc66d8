"""`lamina consumers`: which functions, published versions and aliases use which version of a layer."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamina.cli.endpoints import EndpointUrl, chosen
from lamina.cli.failures import Failure
from lamina.cli.references import layer_named, words

if TYPE_CHECKING:
    from rich.console import Console

    from lamina.names import LayerVersionArn
    from lamina.rollouts.consumers import Consumer, LayerReference, Place
    from lamina.workshop.consuming import Told

Profiles = Annotated[
    list[str] | None,
    typer.Option("--profile", metavar="NAME,…", help="Profiles of the AWS configuration; each is another account."),
]
Regions = Annotated[
    list[str] | None,
    typer.Option(
        "--region", metavar="NAME,…", help="Regions to look at.  [default: as configured for the aws command]"
    ),
]


def consumers(
    layer: Annotated[str, typer.Argument(metavar="LAYER", help="NAME, NAME:VERSION or ARN; a name is any account's.")],
    latest: Annotated[
        bool, typer.Option("--latest", help="Look at $LATEST alone: sooner where functions have many versions.")
    ] = False,
    as_tree: Annotated[bool, typer.Option("--tree", help="Group them by the layer's version.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
    endpoint: EndpointUrl = None,
    profile: Profiles = None,
    region: Regions = None,
) -> None:
    """List the functions, published versions and aliases that use a layer.

    Versions are compared as numbers: asked for 1, it tells of 1, not of 10.

    \b
    Examples:
      lamina consumers my-layer
      lamina consumers my-layer:3 --tree
      lamina consumers my-layer --endpoint aws --profile dev,prod --region eu-west-1,us-east-1
    """
    from lamina.rollouts import consumers as rollouts
    from lamina.workshop.consuming import Reading, places, read_consumers

    if as_tree and as_json:
        raise Failure("--tree and --json are two formats", "Choose one.", Failure.USAGE)
    named = layer_named(layer)
    profiles, regions = profiles_named(profile), words(region)
    regions = regions or ([named.region] if named.region else [])
    at = places(chosen(endpoint, next(iter(profiles), None)), profiles, regions)
    with reading() as told:
        found = rollouts.consumers(named, read_consumers(at, Reading(named, published=not latest), told))
    if as_json:
        print(json.dumps({"consumers": [as_document(named, each) for each in found]}, indent=2))
        return
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    if not found:
        console.print(f"nothing uses {layer}")
        return
    if as_tree:
        _print_tree(named, found, console)
    else:
        _print_table(named, found, console)
    console.print(f"[bold]{summary(named, found)}[/]")


def profiles_named(given: list[str] | None) -> list[str]:
    """The profiles asked for, else the one in force by its name: a plan may be carried out where another one is."""
    return words(given) or words([os.environ.get("AWS_PROFILE", "")])


@contextmanager
def reading() -> Iterator[Told]:
    """Tell on standard error what is read: a line that changes on a terminal, nothing elsewhere."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda *_: None
        return
    counts: dict[tuple[Place, str], int] = {}
    with console.status("listing functions …") as status:

        def told(what: str, place: Place, count: int) -> None:
            counts[place, what] = count
            of = {name: sum(n for (_, each), n in counts.items() if each == name) for _, name in counts}
            status.update("read " + ", ".join(f"{n:,} {name}" for name, n in of.items()))

        yield told


def as_document(layer: LayerReference, consumer: Consumer) -> dict[str, Any]:
    """*consumer* as `--json` tells of it."""
    return {
        "function": consumer.function,
        "name": consumer.name,
        "account": consumer.account,
        "region": consumer.place.region,
        "profile": consumer.place.profile or None,
        "version": consumer.version,
        "layer_versions": list(consumer.numbers(layer)),
        "layers": list(consumer.layers),
        "runtime": consumer.runtime,
        "architectures": list(consumer.architectures),
        "aliases": [
            {"name": alias.name, "share": _share(consumer, alias.routing.version, alias.routing.weights)}
            for alias in consumer.aliases
        ],
    }


def summary(layer: LayerReference, found: Sequence[Consumer]) -> str:
    """How many functions use the layer, and how many of them each version of it in $LATEST."""
    functions = {consumer.function for consumer in found}
    by_number: dict[int, int] = {}
    for consumer in found:
        for number in consumer.numbers(layer) if consumer.is_latest else ():
            by_number[number] = by_number.get(number, 0) + 1
    latest = ", ".join(f"version {number} in {count}" for number, count in sorted(by_number.items()))
    published = sum(not consumer.is_latest for consumer in found)
    parts = [
        f"{len(functions):,} function{'' if len(functions) == 1 else 's'} use{'s' if len(functions) == 1 else ''} it",
        f"$LATEST has {latest}" if latest else "none in $LATEST",
        f"{published:,} published version{'' if published == 1 else 's'}" if published else "",
    ]
    return "; ".join(filter(None, parts))


def _share(consumer: Consumer, version: str, weights: Any) -> float:
    """Which part of an alias's invocations, 0 to 1, comes to *consumer*."""
    return float(weights.get(consumer.version, 0)) if consumer.version != version else 1 - sum(weights.values())


def _aliases(consumer: Consumer) -> str:
    told = []
    for alias in consumer.aliases:
        share = _share(consumer, alias.routing.version, alias.routing.weights)
        told.append(alias.name if share >= 1 else f"{alias.name} ({share:.0%})")
    return ", ".join(told)


def _print_table(layer: LayerReference, found: Sequence[Consumer], console: Console) -> None:
    from rich.markup import escape
    from rich.table import Table

    from lamina.cli.tables import print_table

    several = len({(consumer.account, consumer.place) for consumer in found}) > 1
    aliased = any(consumer.aliases for consumer in found)
    table = Table(box=None, pad_edge=False, header_style="dim")
    columns = ("function", "version", "layer", "aliases" if aliased else "", "account", "region")
    for name in columns[: 6 if several else 4]:
        table.add_column(name, no_wrap=True)
    for consumer in found:
        numbers = ", ".join(map(str, consumer.numbers(layer)))
        cells = [escape(consumer.name), consumer.version, numbers, escape(_aliases(consumer))]
        table.add_row(*cells, *([consumer.account, str(consumer.place)] if several else []))
    print_table(console, table)


def _print_tree(layer: LayerReference, found: Sequence[Consumer], console: Console) -> None:
    from rich.markup import escape
    from rich.tree import Tree

    tree = Tree(escape(layer.name))
    by_layer: dict[LayerVersionArn, list[Consumer]] = {}
    for consumer in found:
        for arn in consumer.attached(layer):
            by_layer.setdefault(arn, []).append(consumer)
    for arn, users in sorted(by_layer.items()):
        branch = tree.add(f"[bold]version {arn.number}[/] [dim]{arn.scope}[/]")
        functions: dict[str, list[Consumer]] = {}
        for consumer in users:
            functions.setdefault(consumer.function, []).append(consumer)
        for versions in functions.values():
            told = (f"{one.version} ← {_aliases(one)}" if one.aliases else one.version for one in versions)
            branch.add(f"{escape(versions[0].name)}  [dim]{escape(', '.join(told))}[/]")
    console.print(tree)
