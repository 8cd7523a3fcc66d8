"""`lamina check`: what is wrong with layers, before they are attached."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamina.cli.endpoints import EndpointUrl, Profile, Region, chosen
from lamina.cli.failures import Failure
from lamina.cli.loading import downloads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lamina.workshop.artifacts import Artifact
    from lamina.workshop.checks.attached import Attached, Target
    from lamina.workshop.checks.findings import Finding
    from lamina.workshop.downloads import Downloads
    from lamina.workshop.endpoint import Endpoint


class Architecture(StrEnum):
    """Lambda's names for the processors it has."""

    X86_64 = "x86_64"
    ARM64 = "arm64"


class FailOn(StrEnum):
    """The least severe finding that the exit code tells of."""

    ERROR = "error"
    WARNING = "warning"
    NEVER = "never"


_LAYERS = "Zip files, folders, ARNs, NAME or NAME:VERSION, in the order in which a function lists them."
_FUNCTION = (
    "The code they go with: a zip, a folder, or a function's name or ARN, whose own layers count if none is named."
)
_EXPLAIN = "Print the page on a finding, which says what it means and how to mend it; nothing is checked."
_RUNTIME = "Runtime they are for.  [default: the function's, what they were published for, or what their files tell]"
_ARCHITECTURE = "Processor they are for.  [default: as for --runtime]"


def check(
    layers: Annotated[list[str] | None, typer.Argument(metavar="LAYER", help=_LAYERS)] = None,
    function: Annotated[str | None, typer.Option(metavar="CODE", help=_FUNCTION)] = None,
    runtime: Annotated[str | None, typer.Option(metavar="ID", help=_RUNTIME)] = None,
    architecture: Annotated[Architecture | None, typer.Option(help=_ARCHITECTURE)] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Leave a finding out; may be repeated.")
    ] = None,
    fail_on: Annotated[FailOn, typer.Option(help="From which severity on the exit code is not 0.")] = FailOn.WARNING,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    as_sarif: Annotated[bool, typer.Option("--sarif", help="Print the findings as SARIF 2.1.0.")] = False,
    explain: Annotated[str | None, typer.Option(metavar="ID", help=_EXPLAIN)] = None,
    endpoint: EndpointUrl = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Find what is wrong with layers before they are attached.

    Layout, Python and processor that things were made for, missing libraries, sizes, what layers hide of one another,
    requirements that nothing meets, permissions, secrets. Each finding says what to do.

    Exits with 0 when nothing is wrong, 6 with warnings, 7 with errors.

    \b
    Examples:
      lamina check layer.zip --runtime python3.13
      lamina check base.zip build/ --function code.zip --architecture arm64
      lamina check --function my-function --endpoint aws
      lamina check layer.zip --sarif > layer.sarif
      lamina check --explain LAM302
    """
    from lamina.workshop.checks import running
    from lamina.workshop.checks.attached import examine, targets
    from lamina.workshop.checks.findings import Severity, ordered, worst

    if explain is not None:
        _explain(explain)
        return
    if not layers and function is None:
        raise Failure("there is nothing to check", "Name a layer, or --function CODE.", Failure.USAGE)
    if as_json and as_sarif:
        raise Failure("--json and --sarif are two formats", "Choose one.", Failure.USAGE)
    _check_names(runtime, ignore or [])
    ignored = {name.upper() for name in ignore or []}
    with downloads() as store:
        code, found, refused = _load(layers or [], function, chosen(endpoint, profile, region), store)
        attached = examine(found, code)
        wanted = targets(attached, runtime, None if architecture is None else architecture.value)
        findings = ordered(
            [*(finding for finding in refused if finding.id not in ignored), *running.check(attached, wanted, ignored)]
        )
    if as_sarif:
        from lamina import __version__
        from lamina.workshop.checks.pages import page
        from lamina.workshop.checks.sarif import sarif

        print(json.dumps(sarif(findings, running.RULES, __version__, page), indent=2))
    elif as_json:
        print(json.dumps(_as_json(attached, wanted, findings), indent=2))
    else:
        _print(attached, wanted, findings)
    severity = worst(findings)
    if severity is Severity.ERROR and fail_on is not FailOn.NEVER:
        raise typer.Exit(Failure.ERRORS_FOUND)
    if severity is Severity.WARNING and fail_on is FailOn.WARNING:
        raise typer.Exit(Failure.WARNINGS_FOUND)


def _explain(name: str) -> None:
    from lamina.workshop.checks.pages import page

    _check_findings([name])
    text = page(name.upper())
    if not sys.stdout.isatty():
        print(text, end="")
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(text))


def _check_findings(names: Sequence[str]) -> None:
    from lamina.workshop.checks.running import RULES

    unknown = [name for name in names if name.upper() not in {rule.id for rule in RULES}]
    if unknown:
        ids = sorted(rule.id for rule in RULES)
        raise Failure(f"there is no finding {unknown[0]}", f"There are {', '.join(ids)}.", Failure.USAGE)


def _check_names(runtime: str | None, ignore: Sequence[str]) -> None:
    _check_findings(ignore)
    if runtime is not None:
        from lamina.cli.here import known_runtimes
        from lamina.functions.runtimes import RETIRED

        if runtime not in {*known_runtimes(), *RETIRED}:
            raise Failure(f"there is no runtime {runtime}", "`lamina runtimes` lists them.", Failure.USAGE)


def _load(
    layers: Sequence[str], function: str | None, endpoint: Endpoint, store: Downloads
) -> tuple[Artifact | None, list[Artifact], list[Finding]]:
    """The function, the layers, and findings on those that nobody could unzip."""
    from lamina.workshop.artifacts import Role
    from lamina.workshop.checks.archives import refused
    from lamina.workshop.checks.running import finding
    from lamina.workshop.running.packing import check_archivable
    from lamina.workshop.sources import ArchiveRefused, load

    findings: list[Finding] = []

    def read(source: str, role: Role) -> list[Artifact]:
        try:
            loaded = load(source, endpoint, role, store)
        except ArchiveRefused as error:
            findings.append(finding(*refused(source, error.reason)))
            return []
        check_archivable(loaded)
        return [loaded]

    code = next(iter(read(function, Role.FUNCTION) if function is not None else []), None)
    sources = layers or (code.layers if code is not None else ())
    return code, [artifact for source in sources for artifact in read(source, Role.LAYER)], findings


def _as_json(attached: Attached, wanted: Sequence[Target], findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "checked": [
            {
                "name": examined.name,
                "role": examined.artifact.role,
                "zipped_bytes": examined.artifact.zipped_bytes,
                "unzipped_bytes": examined.artifact.unzipped_bytes,
            }
            for examined in attached.all
        ],
        "targets": [{"runtime": target.runtime, "architecture": target.architecture} for target in wanted],
        "findings": [
            {
                "id": finding.id,
                "severity": finding.severity,
                "name": finding.name,
                "where": finding.fault.where,
                "paths": finding.fault.paths,
                "says": finding.fault.says,
                "mend": finding.fault.mend,
            }
            for finding in findings
        ],
    }


def _print(attached: Attached, wanted: Sequence[Target], findings: Sequence[Finding]) -> None:
    from rich.console import Console

    from lamina.cli.finding_table import show
    from lamina.cli.steps import size

    looked_at = [
        f"{examined.artifact.role} {examined.name}: {size(examined.artifact.unzipped_bytes)} unzipped, "
        f"{len(examined.packages)} package{'' if len(examined.packages) == 1 else 's'}"
        for examined in attached.all
    ]
    told_by = f" ({wanted[0].told_by})" if wanted[0].told_by else ""
    targets = [f"for {', '.join(map(str, wanted))}{told_by}"] if looked_at else []
    show(findings, looked_at, targets, Console(highlight=False))
