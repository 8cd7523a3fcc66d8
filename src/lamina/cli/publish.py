"""`lamina publish`: build, check, and a new version of the layer if anything changed."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from lamina.cli.ending import ending_in_order
from lamina.cli.endpoints import EndpointUrl, Profile, Region, chosen
from lamina.cli.failures import Failure
from lamina.cli.recipes import Architecture, Fresh, From, Names, Output, ProjectFile, Runtime, Split, Strip, wanted
from lamina.cli.steps import size

if TYPE_CHECKING:
    from lamina.workshop.building.builds import BuiltLayer
    from lamina.workshop.recipes import Recipe

_PERMISSIONS = "Allow for the new version what is allowed for the one before it."
_BUCKET = "Bucket by which an archive goes that is too large to be sent directly."


def publish(
    names: Names = None,
    source: From = None,
    runtime: Runtime = None,
    architecture: Architecture = None,
    strip: Strip = None,
    split: Split = None,
    output: Output = None,
    project: ProjectFile = None,
    fresh: Fresh = False,
    copy_permissions: Annotated[bool, typer.Option("--copy-permissions", help=_PERMISSIONS)] = False,
    force: Annotated[bool, typer.Option("--force", help="Publish even what has not changed.")] = False,
    check: Annotated[bool, typer.Option("--check/--no-check", help="Without: publish whatever is wrong.")] = True,
    bucket: Annotated[str | None, typer.Option(metavar="NAME", help=_BUCKET)] = None,
    endpoint: EndpointUrl = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what came of it as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the ARNs alone.")] = False,
) -> None:
    """Build layers, check them, and publish those that have changed.

    Takes what lamina build takes. A layer whose newest version has the same content and attributes is left as it is,
    and the ARN of that version is told. What lamina check calls an error keeps a layer from being published.

    \b
    Examples:
      lamina publish
      lamina publish numbers --from requirements.txt --runtime python3.13
      lamina publish --endpoint aws --region eu-central-1 --copy-permissions
      layer=$(lamina publish numbers --quiet)
    """
    from lamina.cli.build_telling import BuildProgress, note
    from lamina.workshop.building import builder
    from lamina.workshop.building.builds import Builds, place_all
    from lamina.workshop.building.tools import Tools
    from lamina.workshop.publishing import Attributes, Publisher, storage_of

    recipes = wanted(
        names, source, project, output, runtimes=runtime, architectures=architecture, strip=strip, split=split
    )
    api = chosen(endpoint, profile, region)
    publisher = Publisher(api, storage_of(api, os.environ), bucket)
    progress = BuildProgress(quiet=quiet or as_json)
    tools, builds = Tools(dict(os.environ), progress), Builds.of_the_user(os.environ)
    told = []
    for recipe in recipes:
        with ending_in_order(), progress.shown():
            built = builder.build(recipe, builds, tools, fresh=fresh)
            place_all(recipe.name, built.layers, recipe.output)
            progress.step(f"comparing {recipe.name} with its newest version")
            wishes = [Attributes.wanted(layer, recipe) for layer in built.layers]
            versions = [
                None if force else publisher.unchanged(layer.name, wish)
                for layer, wish in zip(built.layers, wishes, strict=True)
            ]
            warnings = []
            if check and None in versions:
                progress.step(f"checking {recipe.name}")
                warnings = _check(built.layers, recipe)
            for number, layer in enumerate(built.layers):
                if versions[number] is None:
                    progress.step(f"publishing {layer.name}, {size(layer.zipped_bytes)}")
                    versions[number] = publisher.publish(layer, wishes[number], copy_permissions=copy_permissions)
        for saying in [*built.notes, *warnings]:
            if not as_json:
                note(f"{recipe.name}: {saying}")
        for layer, version in zip(built.layers, versions, strict=True):
            assert version is not None
            told.append({"name": layer.name, "arn": str(version.arn), "published": version.new})
            if quiet:
                print(version.arn)
            elif not as_json:
                print(f"{version.arn} {'is published' if version.new else 'is the same already'}")
    if as_json:
        print(json.dumps({"layers": told}, indent=2))


def _check(layers: Sequence[BuiltLayer], recipe: Recipe) -> list[str]:
    """Warnings about *layers* together. Raises Failure for errors."""
    from lamina.workshop.checks import running
    from lamina.workshop.checks.attached import examine, targets
    from lamina.workshop.checks.findings import Severity, ordered
    from lamina.workshop.sources import archive

    artifacts = [
        replace(
            archive(layer.file, layer.name),
            runtimes=recipe.runtimes or None,
            architectures=recipe.architectures or None,
        )
        for layer in layers
    ]
    attached = examine(artifacts)
    findings = ordered(running.check(attached, targets(attached)))
    sentences = {
        severity: [f"{found.id}: {found.fault.says}" for found in findings if found.severity is severity]
        for severity in Severity
    }
    if errors := sentences[Severity.ERROR]:
        raise Failure(
            f"{recipe.name} would not work: {'; '.join(errors)}",
            f"`lamina check {' '.join(os.path.relpath(recipe.output / f'{layer.name}.zip') for layer in layers)}` says "
            "what to do; --no-check publishes it all the same.",
            Failure.ERRORS_FOUND,
        )
    return sentences[Severity.WARNING]
