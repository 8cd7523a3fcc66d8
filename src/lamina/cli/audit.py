"""`lamina audit`: known vulnerabilities of what layers hold."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamina.cli.endpoints import EndpointUrl, Profile, Region, chosen
from lamina.cli.failures import Failure
from lamina.cli.loading import attached, downloads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lamina.workshop.artifacts import Artifact
    from lamina.workshop.auditing.advisories import Audited

_LAYERS = "Zip files, folders, ARNs, NAME or NAME:VERSION, in the order in which a function lists them."
_FUNCTION = "Its code: a zip, a folder, or a function's name or ARN, whose own layers count if none is named."
_DATABASE = "A file of advisories in the OSV format, asked in place of anybody else; may be repeated."
_IGNORE = (
    "Leave a vulnerability out, by any of its names; may be repeated. Those of the project file are left out, too."
)


def audit(
    layers: Annotated[list[str] | None, typer.Argument(metavar="LAYER", help=_LAYERS)] = None,
    function: Annotated[str | None, typer.Option(metavar="CODE", help=_FUNCTION)] = None,
    database: Annotated[list[Path] | None, typer.Option(metavar="FILE", help=_DATABASE)] = None,
    ignore: Annotated[list[str] | None, typer.Option(metavar="ID", help=_IGNORE)] = None,
    licences: Annotated[bool, typer.Option("--licences", help="Print the packages by licence, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON, licences included.")] = False,
    endpoint: EndpointUrl = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Tell which packages of layers and code have known vulnerabilities, and which version has them no more.

    Asks pip-audit about Python's packages and npm about Node.js's, which ask their registries; or a file, which needs
    no network and knows Java's and Ruby's, too.

    Exits with 0 when none is known, 9 with vulnerabilities, 10 when none is known but not every package was looked up.

    \b
    Examples:
      lamina audit layer.zip
      lamina audit --function my-function --endpoint aws --json
      lamina audit layer.zip --database all.zip --ignore CVE-2021-33503
    """
    from lamina.workshop.auditing.advisories import unignored
    from lamina.workshop.inventory.components import components

    if not layers and function is None:
        raise Failure("there is nothing to audit", "Name a layer, or --function CODE.", Failure.USAGE)
    ignored = frozenset(name.upper() for name in [*(ignore or []), *_of_the_project()])
    with downloads() as store:
        artifacts = attached(layers, function, chosen(endpoint, profile, region), store)
        held = [(artifact, each) for artifact in artifacts for each in components(artifact)]
    found = _asked([each for _, each in held], database or [])
    kept = [unignored(audited, ignored) for audited in found]
    results = [(artifact, audited) for (artifact, _), (audited, _) in zip(held, kept, strict=True)]
    unused = sorted(ignored - frozenset().union(*(used for _, used in kept)))
    if as_json:
        print(json.dumps(_as_json(results, unused), indent=2))
    else:
        from lamina.cli.advisory_table import show

        show([(artifact.name, audited) for artifact, audited in results], unused)
        if licences:
            from lamina.cli.licence_table import licence_lines

            print("\n".join(["", *licence_lines(artifacts)]))
    if any(audited.advisories for _, audited in results):
        raise typer.Exit(Failure.VULNERABLE)
    if any(audited.by is None for _, audited in results):
        raise typer.Exit(Failure.NOT_AUDITED)


def _of_the_project() -> Sequence[str]:
    """What the project file says is to be left out, if there is one."""
    from lamina.workshop import recipes

    file = recipes.find(Path.cwd())
    return () if file is None else recipes.audit_ignored(file)


def _asked(components: Sequence[Any], databases: Sequence[Path]) -> Sequence[Audited]:
    from lamina.cli.build_telling import BuildProgress
    from lamina.workshop.auditing import asking, database

    progress = BuildProgress()
    with progress.shown():
        if databases:
            return database.audit(components, databases, progress.step)
        return asking.audit(components, asking.Machine(dict(os.environ), progress.step))


def _as_json(results: Sequence[tuple[Artifact, Audited]], unused: Sequence[str]) -> dict[str, Any]:
    from lamina.workshop.inventory.purls import purl

    packages = [
        {
            "purl": purl(each.ecosystem, each.group, each.name, each.version),
            "ecosystem": each.ecosystem,
            "name": f"{each.group}/{each.name}" if each.group else each.name,
            "version": each.version,
            "where": artifact.name,
            "path": each.record,
            "licences": [licence.text for licence in each.licences],
            "audited_by": audited.by,
            "reason": audited.reason,
            "vulnerabilities": [
                {
                    "id": advisory.id,
                    "aliases": advisory.aliases,
                    "summary": advisory.summary,
                    "severity": advisory.severity,
                    "fixed_in": advisory.fixed_in,
                }
                for advisory in audited.advisories
            ],
        }
        for artifact, audited in results
        for each in [audited.component]
    ]
    return {"packages": packages, "ignored_in_vain": unused}
