"""`lamina diff`: what one layer has that another has not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamina.cli.endpoints import EndpointUrl, Profile, Region, chosen
from lamina.cli.failures import Failure
from lamina.cli.loading import downloads

if TYPE_CHECKING:
    from rich.console import Console

    from lamina.workshop.artifacts import Artifact
    from lamina.workshop.diffing import Difference, FileChange

_SIDE = "A zip, a folder, an ARN, NAME or NAME:VERSION."
_TEXT = "Also show the lines that differ in the files that match, such as '*.py'; may be repeated."
_MARKS = {"added": "[green]+[/]", "removed": "[red]-[/]", "changed": "[yellow]~[/]"}


def diff(
    before: Annotated[str, typer.Argument(metavar="A", help=_SIDE)],
    after: Annotated[str, typer.Argument(metavar="B", help=_SIDE)],
    functions: Annotated[bool, typer.Option("--functions", help="A and B are functions' code, not layers.")] = False,
    all_files: Annotated[bool, typer.Option("--files", help="List the files of changed packages, too.")] = False,
    text: Annotated[list[str] | None, typer.Option(metavar="GLOB", help=_TEXT)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the same as JSON.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 8 when they differ.")] = False,
    endpoint: EndpointUrl = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Show what B has that A has not, and the other way round.

    Packages with their versions first, then the files that no change of a package explains. When nothing differs,
    whoever moves from one to the other sees no change, whatever the archives look like.

    \b
    Examples:
      lamina diff my-layer:3 my-layer:4
      lamina diff my-layer build/ --text '*.py'
      lamina diff old.zip new.zip --exit-code
    """
    from lamina.workshop.artifacts import Role
    from lamina.workshop.diffing import compare
    from lamina.workshop.sources import load

    with downloads() as store:
        at = chosen(endpoint, profile, region)
        role = Role.FUNCTION if functions else Role.LAYER
        one, other = load(before, at, role, store), load(after, at, role, store)
        found = compare(one, other)
    wanted = _chosen_texts(found, text or [])
    if as_json:
        print(json.dumps(_as_json(one, other, found, wanted), indent=2))
    else:
        _print(one, other, found, found.files if all_files else found.other_files, wanted)
    if exit_code and not found.is_empty:
        raise typer.Exit(Failure.DIFFERENT)


def _chosen_texts(found: Difference, globs: list[str]) -> list[FileChange]:
    from fnmatch import fnmatchcase

    return [change for change in found.files if any(fnmatchcase(change.path, glob) for glob in globs)]


def _as_json(one: Artifact, other: Artifact, found: Difference, wanted: list[FileChange]) -> dict[str, Any]:
    from lamina.workshop.diffing import text_difference

    def entry(change: FileChange, side: str) -> dict[str, Any] | None:
        held = getattr(change, side)
        return None if held is None else {"kind": held.kind.value, "size_bytes": held.size, "mode": f"{held.mode:04o}"}

    return {
        "unzipped_bytes": {"before": one.unzipped_bytes, "after": other.unzipped_bytes},
        "attributes": {name: {"before": was, "after": now} for name, (was, now) in found.attributes.items()},
        "packages": [
            {
                "ecosystem": change.ecosystem,
                "name": change.name,
                "way": change.way,
                "before": change.before,
                "after": change.after,
                "before_bytes": change.before_bytes,
                "after_bytes": change.after_bytes,
            }
            for change in found.packages
        ],
        "files": [
            {
                "path": change.path,
                "way": change.way,
                "about": change.about,
                "packages": change.packages,
                "before": entry(change, "before"),
                "after": entry(change, "after"),
            }
            for change in found.files
        ],
        "texts": {change.path: text_difference(one, other, change) for change in wanted},
    }


def _print(
    one: Artifact, other: Artifact, found: Difference, files: tuple[FileChange, ...], wanted: list[FileChange]
) -> None:
    from rich.console import Console
    from rich.markup import escape

    from lamina.cli.steps import size
    from lamina.cli.visible import visible

    console = Console(highlight=False, soft_wrap=True)
    if found.is_empty and not found.attributes:
        console.print(f"[green]ok[/]  nothing differs: {len(one.entries)} entries, {size(one.unzipped_bytes)} unzipped")
        return
    for name, (was, now) in found.attributes.items():
        console.print(f"{_MARKS['changed']} {name}: {escape(was)} → {escape(now)}")
    width = max((len(change.name) for change in found.packages), default=0)
    for change in found.packages:
        versions = " → ".join(", ".join(side) or "none" for side in (change.before, change.after))
        grown = _grown(change.after_bytes - change.before_bytes, "same size")
        name = escape(visible(change.name))
        console.print(f"{_MARKS[change.way]} {name:<{width}}  {escape(visible(versions))}  [dim]{grown}[/]")
    for file in files:
        console.print(f"{_MARKS[file.way]} {escape(visible(file.path))}  [dim]{_about(file)}[/]")
    _print_texts(one, other, wanted, console)
    inside = len(found.files) - len(files)
    parts = [
        f"{len(found.packages)} package{'' if len(found.packages) == 1 else 's'}" if found.packages else "",
        f"{len(found.files)} file{'' if len(found.files) == 1 else 's'}",
    ]
    verb = "differs" if not found.packages and len(found.files) == 1 else "differ"
    explained = f" ({inside} in these packages: --files lists them)" if inside else ""
    console.print(
        f"[bold]{', '.join(filter(None, parts))} {verb}[/]{explained}; {size(one.unzipped_bytes)} → "
        f"{size(other.unzipped_bytes)} unzipped"
    )


def _about(file: FileChange) -> str:
    from lamina.cli.steps import size

    if file.before is None or file.after is None:
        held = file.after or file.before
        return size(held.size) if held is not None else ""
    told = {
        "content": _grown(file.after.size - file.before.size),
        "mode": f"{file.before.mode:04o} → {file.after.mode:04o}",
        "kind": f"{file.before.kind.value} → {file.after.kind.value}",
        "target": f"{file.before.target} → {file.after.target}",
    }
    return ", ".join(told[about] for about in file.about)


def _grown(difference_bytes: int, unchanged: str = "same size, other content") -> str:
    from lamina.cli.steps import size

    if not difference_bytes:
        return unchanged
    return f"{'+' if difference_bytes > 0 else '-'}{size(abs(difference_bytes))}"


def _print_texts(one: Artifact, other: Artifact, wanted: list[FileChange], console: Console) -> None:
    from rich.markup import escape

    from lamina.cli.visible import visible
    from lamina.workshop.diffing import text_difference

    colours = {"+": "green", "-": "red", "@": "cyan"}
    for change in wanted:
        lines = text_difference(one, other, change)
        if lines is None:
            console.print(f"[dim]{escape(visible(change.path))} is no text[/]")
            continue
        for line in lines:
            colour = colours.get(line[:1])
            shown = escape(visible(line))
            console.print(f"[{colour}]{shown}[/]" if colour else shown)
