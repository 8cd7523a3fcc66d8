"""`lamina tree`: what a function sees of its layers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamina.cli.endpoints import EndpointUrl, Profile, Region, chosen
from lamina.cli.failures import Failure
from lamina.cli.loading import downloads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.tree import Tree

    from lamina.workshop.trees import Branch

_LAYERS = "Zip files, folders, ARNs, NAME or NAME:VERSION, in the order in which a function lists them."
_FUNCTION = "Its code: a zip, a folder, or a function's name or ARN, whose own layers count if none is named."


def tree(
    layers: Annotated[list[str] | None, typer.Argument(metavar="LAYER", help=_LAYERS)] = None,
    function: Annotated[str | None, typer.Option(metavar="CODE", help=_FUNCTION)] = None,
    all_files: Annotated[bool, typer.Option("--files", help="Show the files of packages, too.")] = False,
    depth: Annotated[int | None, typer.Option(min=1, help="Show no more levels than this.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
    endpoint: EndpointUrl = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Show what a function sees in /opt: packages with their versions, sizes, and which layer wins.

    A package is one line. With several layers, each name says whose it is, and whose is hidden by it.

    \b
    Examples:
      lamina tree layer.zip
      lamina tree base.zip mine.zip --function code.zip
      lamina tree --function my-function --depth 2
    """
    from lamina.workshop.artifacts import Role
    from lamina.workshop.sources import load
    from lamina.workshop.trees import grow

    if not layers and function is None:
        raise Failure("there is nothing to show", "Name a layer, or --function CODE.", Failure.USAGE)
    with downloads() as store:
        at = chosen(endpoint, profile, region)
        code = None if function is None else load(function, at, Role.FUNCTION, store)
        sources = layers or (code.layers if code is not None else ())
        grown = grow([load(source, at, Role.LAYER, store) for source in sources], code)
    if as_json:
        print(json.dumps([_as_json(branch) for branch in grown], indent=2))
        return
    from rich.console import Console
    from rich.tree import Tree

    console = Console(highlight=False)
    for branch in grown:
        names = _short(branch.sources)
        root = Tree(_label(branch, names, told=len(names) > 1), guide_style="dim")
        _draw(root, branch, names, depth, all_files, told=len(names) < 2)
        console.print(root)


def _short(sources: tuple[str, ...]) -> dict[str, str]:
    """What to call the artifacts where room is short: a file's name without its folder, if that is no other's."""
    last = {source: source.rstrip("/").rpartition("/")[2] for source in sources}
    return last if len(set(last.values())) == len(last) else {source: source for source in sources}


def _draw(
    root: Tree, branch: Branch, names: Mapping[str, str], depth: int | None, all_files: bool, *, told: bool
) -> None:
    """Draw what is below *branch*; *told* when a line above has said whose all of it is."""
    if depth == 0:
        return
    for child in branch.children:
        alone = len(child.sources) == 1
        below = root.add(_label(child, names, told=told or not alone))
        # A folder that is all one package is a line, unless it is the folder that packages lie in.
        if all_files or child.package is None or _holds_packages(child):
            deeper = None if depth is None else depth - 1
            _draw(below, child, names, deeper, all_files, told=told or alone)


def _holds_packages(branch: Branch) -> bool:
    return branch.package is not None and f"{branch.package.root}/".endswith(f"/{branch.name}/")


def _label(branch: Branch, names: Mapping[str, str], *, told: bool) -> str:
    from rich.markup import escape

    from lamina.cli.steps import size
    from lamina.cli.visible import visible

    is_folder = branch.kind.value == "folder"
    parts = [f"[bold]{escape(visible(branch.name))}{'/' if is_folder else ''}[/]"]
    if branch.target is not None:
        parts.append(f"→ {escape(visible(branch.target))}")
    if branch.package is not None and branch.package.version:
        parts.append(f"[cyan]{escape(visible(branch.package.version))}[/]")
    files = f", {branch.files} file{'' if branch.files == 1 else 's'}" if is_folder else ""
    parts.append(f"[dim]{size(branch.size_bytes)}{files}[/]")
    if not told and branch.sources:
        parts.append(f"[green]{escape(visible(names[branch.sources[0]]))}[/]")
    if branch.hidden:
        hidden = ", ".join(names.get(source, source) for source in branch.hidden)
        parts.append(f"[yellow]hides that of {escape(visible(hidden))}[/]")
    return "  ".join(parts)


def _as_json(branch: Branch) -> dict[str, Any]:
    package = branch.package
    return {
        "name": branch.name,
        "kind": branch.kind.value,
        "size_bytes": branch.size_bytes,
        "files": branch.files,
        "package": None if package is None else {"name": package.name, "version": package.version},
        "sources": branch.sources,
        "hidden": branch.hidden,
        "target": branch.target,
        "children": [_as_json(child) for child in branch.children],
    }
