"""`lamina fsck`: is everything in a state folder still what it was."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lamina.cli.failures import Failure

if TYPE_CHECKING:
    from lamina.fsck import Finding, Report

_STATE = "Folder that everything is kept in.  [default: /var/lib/lamina for root, else ~/.local/state/lamina]"
_REPAIR = "Mend what can be mended; no server may be running on the folder."
_ARCHIVES = "A zip, or a folder of zips, that may be what is missing or damaged; may be repeated. Goes with --repair."


def fsck(
    state: Annotated[str | None, typer.Option(metavar="DIR", help=_STATE)] = None,
    repair: Annotated[bool, typer.Option("--repair", help=_REPAIR)] = False,
    archives: Annotated[list[Path] | None, typer.Option(metavar="PATH", help=_ARCHIVES)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the same as JSON, for a program to read.")] = False,
) -> None:
    """Read everything a server keeps, and tell what is damaged, whom that concerns, and what mends it.

    Without --repair nothing is changed, and a server may go on running. With it, what is derived (extracted archives,
    byte-code, totals) is made anew, leftovers go, and archives come back from copies that you have.

    Exits with 0 when all is sound or mended, 7 when something is not.

    \b
    Examples:
      lamina fsck
      lamina fsck --repair --archives ./build --archives ~/Downloads
      lamina fsck --state /srv/lamina --json
    """
    from lamina.settings import Settings

    folder = Settings.read(os.environ, {"state_dir": state}, root=os.geteuid() == 0).state_dir
    if archives and not repair:
        raise Failure("--archives is for mending", "Say --repair, too.", Failure.USAGE)
    missing = [path for path in archives or () if not path.exists()]
    if missing:
        raise Failure(f"there is no {missing[0]}", None, Failure.USAGE)
    report = _report(folder, archives or [], repair)
    if as_json:
        print(json.dumps(_as_json(report), indent=2))
    else:
        _print(report, repair)
    if not report.is_sound:
        raise typer.Exit(Failure.ERRORS_FOUND)


def _report(folder: Path, archives: list[Path], mend: bool) -> Report:
    from lamina import fsck
    from lamina.cli.amounts import counting
    from lamina.state_folder import StateInUse

    try:
        with counting("reading") as read:
            return fsck.repair(folder, archives, read) if mend else fsck.check(folder, read)
    except StateInUse as error:
        raise Failure(
            f"a server uses {folder}" + (f" (process {error.pid})" if error.pid else ""),
            "Stop it to repair; without --repair it may go on.",
            Failure.STATE_IN_USE,
        ) from error
    except (PermissionError, fsck.Unusable) as error:
        raise Failure(str(error), "Name the folder of a server: lamina fsck --state DIR") from error


def _as_json(report: Report) -> dict[str, object]:
    findings = [
        {**asdict(finding), "digest": finding.digest and finding.digest.hex, "harmless": finding.harmless}
        for finding in report.findings
    ]
    return {**asdict(report), "findings": findings, "sound": report.is_sound}


def _print(report: Report, mended: bool) -> None:
    from rich.console import Console
    from rich.markup import escape

    from lamina.cli.folding import print_hanging
    from lamina.cli.steps import size

    console = Console(highlight=False, soft_wrap=True)
    for finding in report.findings:
        print_hanging(console, f"{_mark(finding)}  {escape(finding.where)}: {escape(finding.says)}", 4)
        for line in [*(f"concerns {arn}" for arn in finding.concerns), *filter(None, [finding.mended])]:
            print_hanging(console, f"    {escape(line)}", 4)
    console.print(
        f"{report.layer_and_function_versions} versions of layers and functions, {report.blobs} archives, "
        f"{report.trees} trees, {size(report.bytes_read)} read."
    )
    console.print(_verdict(report, mended))


def _mark(finding: Finding) -> str:
    if finding.mended:
        return "[green]mended[/]"
    return "[dim]leftover[/]" if finding.harmless else "[red]damaged[/]"


def _verdict(report: Report, mended: bool) -> str:
    if not report.findings:
        return "[green]All of it is sound.[/]"
    if report.is_sound:
        return "[green]All of it is sound[/]" + (" now." if mended else "; leftovers go at the next start of a server.")
    if not mended:
        return "[red]Damaged.[/] `lamina fsck --repair` mends what is derived; archives it takes from --archives PATH."
    return "[red]Not all could be mended.[/] Publish those archives again, or name copies of them: --archives PATH."
