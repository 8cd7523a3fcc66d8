"""`lamina rollout plan`: who would be moved to which layers, and what is against it, before anything changes."""

from __future__ import annotations

import json
import os
import secrets
import time
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lamina.cli.consumers import Profiles, Regions, profiles_named, reading
from lamina.cli.endpoints import EndpointUrl, chosen
from lamina.cli.failures import Failure
from lamina.cli.references import layer_named, words
from lamina.cli.registers import Channels, channel_named
from lamina.cli.rollout_verification import verified_by

if TYPE_CHECKING:
    from lamina.rollouts.plans import Options, Plan, Verification


class Checked(StrEnum):
    """What is looked at before a plan is made: the layers, the functions' code too, or nothing."""

    LAYERS = "layers"
    CODE = "code"
    NONE = "none"


class Falling(StrEnum):
    """What happens when too many fail."""

    STOP = "stop"
    WAVE = "wave"
    ALL = "all"


_LAYER = "NAME or ARN; a name is any account's. With @CHANNEL: those who follow it go where it points."
_TO = "The version to go to.  [default: the newest]"
_FROM = "Versions to leave.  [default: all others]"
_ONLY = "Only functions whose name is like this; may be repeated."
_EXCLUDE = "But none whose name is like this; may be repeated."
_TAG = "Only functions with this tag; may be repeated."
_CANARY = "Shares of invocations that the alias sends to the new version first, such as 10%."
_BAKE = "How long each step is left to run while errors are watched, such as 5m."
_WAVE = "How many functions in each wave: numbers, percentages of all, rest."
_VERIFY = "An event to invoke each function with before and after; a folder has NAME.json for each, default.json else."
_COMMAND = "A command that exits with 0 if the function in LAMINA_FUNCTION does well."
_EXPECT = "JSON that the answer has to contain."
_SLOWER = "How many times as long as before an invocation may take."
_ERRORS = "How much the share of failed invocations may grow during --bake, such as 1%."
_UNPUBLISHED = "Also where publishing brings other changes of $LATEST to the alias's callers."


def plan(
    layer: Annotated[str, typer.Argument(metavar="LAYER[@CHANNEL]", help=_LAYER)],
    to: Annotated[int | None, typer.Option(metavar="N", min=1, help=_TO)] = None,
    leave: Annotated[list[str] | None, typer.Option("--from", metavar="N,…", help=_FROM)] = None,
    only: Annotated[list[str] | None, typer.Option(metavar="GLOB", help=_ONLY)] = None,
    exclude: Annotated[list[str] | None, typer.Option(metavar="GLOB", help=_EXCLUDE)] = None,
    tag: Annotated[list[str] | None, typer.Option(metavar="NAME[=VALUE]", help=_TAG)] = None,
    publish: Annotated[bool, typer.Option("--publish", help="Publish a version of each.")] = False,
    alias: Annotated[str | None, typer.Option(metavar="NAME", help="Publish, and move this alias there.")] = None,
    canary: Annotated[list[str] | None, typer.Option(metavar="SHARE,…", help=_CANARY)] = None,
    bake: Annotated[str | None, typer.Option(metavar="TIME", help=_BAKE)] = None,
    wave: Annotated[str, typer.Option(metavar="SIZE,…", help=_WAVE)] = "rest",
    verify: Annotated[Path | None, typer.Option(metavar="EVENT", help=_VERIFY)] = None,
    verify_command: Annotated[str | None, typer.Option(metavar="COMMAND", help=_COMMAND)] = None,
    expect: Annotated[Path | None, typer.Option(metavar="FILE", help=_EXPECT)] = None,
    slower_max: Annotated[float | None, typer.Option(metavar="TIMES", min=1.0, help=_SLOWER)] = None,
    error_rate_max: Annotated[str | None, typer.Option(metavar="SHARE", help=_ERRORS)] = None,
    max_failures: Annotated[int, typer.Option(metavar="N", min=0, help="How many functions may fail.")] = 0,
    on_failure: Annotated[Falling, typer.Option(help="What goes back once more fail.")] = Falling.ALL,
    concurrency: Annotated[int, typer.Option(metavar="N", min=1, max=64, help="Functions at a time.")] = 8,
    unpublished: Annotated[bool, typer.Option("--unpublished", help=_UNPUBLISHED)] = False,
    channels: Channels = None,
    check: Annotated[Checked, typer.Option(help="What to check beforehand.")] = Checked.LAYERS,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
    endpoint: EndpointUrl = None,
    profile: Profiles = None,
    region: Regions = None,
) -> None:
    """Plan a roll-out: who moves to another version of a layer, how, and what is against it. Nothing changes.

    Each function keeps its other layers and their order. The plan is stored; lamina rollout apply carries it out.

    \b
    Examples:
      lamina rollout plan my-layer --to 12 --from 1
      lamina rollout plan my-layer --wave 5,25%,rest --verify event.json
      lamina rollout plan my-layer@stable --max-failures 2
      lamina rollout plan my-layer --alias live --canary 10% --bake 5m --error-rate-max 1%
    """
    from lamina.rollouts import sizes
    from lamina.rollouts.planning import AmbiguousLayer, Wish, make_plan
    from lamina.rollouts.plans import write_plan
    from lamina.rollouts.sizes import BadMeasure
    from lamina.workshop.consuming import Reading, places, read_consumers
    from lamina.workshop.preflight import check_versions, newest_version
    from lamina.workshop.rollouts.stored import Rollouts

    profiles, regions = profiles_named(profile), words(region)
    tags = dict(_tag(text) for text in tag or [])
    if "@" in layer:
        if to is not None:
            raise Failure(f"{layer} says where to go, and --to, too", "Give one of them.", Failure.USAGE)
        api = chosen(endpoint, next(iter(profiles), None), next(iter(regions), None))
        version, key, channel = channel_named(layer, channels, api)
        layer, to = str(version.layer), version.number
        tags[key] = channel
    named = layer_named(layer)
    if named.versions:
        raise Failure(f"{layer} names a version", "Say --to for where to go, --from for what to leave.", Failure.USAGE)
    before = _numbers(leave)
    regions = regions or ([named.region] if named.region else [])
    at = places(chosen(endpoint, next(iter(profiles), None)), profiles, regions)
    try:
        verification = verified_by(verify, verify_command, expect, slower_max, error_rate_max, bake)
        options = _options(verification, alias, canary, bake, max_failures, on_failure, concurrency, publish=publish)
        sizes.waves(wave, 1)
        with reading() as told:
            seen = read_consumers(at, Reading(named, tags=bool(tags)), told)
        after = to or newest_version(at, seen, named)
        wish = Wish(named, after, before, tuple(only or ()), tuple(exclude or ()), tags or None, unpublished)
        made = make_plan(
            wish, options, wave, seen,
            id_=_new_id(named.name, after), created_ms=time.time_ns() // 1_000_000, endpoint=at[0].url or "",
        )  # fmt: skip
    except (BadMeasure, AmbiguousLayer) as error:
        raise Failure(str(error), code=Failure.USAGE) from error
    check_versions(made)
    made = looked_at(made, check)
    if made.targets:
        Rollouts.of_the_user(os.environ).add(made)
    if as_json:
        print(json.dumps(write_plan(made), indent=2))
    else:
        tell(made)
    if any(finding.severity == "error" for case in made.combinations for finding in case.findings):
        raise typer.Exit(Failure.ERRORS_FOUND)


def looked_at(made: Plan, check: Checked) -> Plan:
    """*made* with what its layers change and what `lamina check` says to that, told while it takes time."""
    from lamina.cli.loading import downloads
    from lamina.workshop.preflight import Preflight
    from lamina.workshop.rollouts.carrying import Places

    if check is Checked.NONE:
        return made
    with downloads() as store:
        return Preflight(Places(made).endpoint, store, with_code=check is Checked.CODE).look(made)


def tell(made: Plan) -> None:
    """Print *made* in plain words."""
    from rich.console import Console
    from rich.markup import escape

    from lamina.cli.visible import visible
    from lamina.rollouts import telling

    console = Console(highlight=False, soft_wrap=True)
    console.print(f"[bold]{escape(visible(telling.headline(made)))}[/]")
    parts = (
        ("what is new", telling.changes(made)),
        ("who gets it", telling.targets(made)),
        ("who does not", telling.left_out(made)),
        ("how", telling.procedure(made) if made.targets else []),
    )
    for title, lines in parts:
        if lines:
            console.print(f"\n[dim]{title}[/]")
            for line in lines:
                console.print(f"  {escape(visible(line))}", style=_colour(line))
    if made.targets:
        console.print(f"\nNothing has changed yet: [bold]lamina rollout apply {made.id}[/] carries it out.")
    else:
        console.print("\nThere is nothing to do.")


def _colour(line: str) -> str | None:
    return {"error": "red", "warning": "yellow"}.get(line.split(maxsplit=1)[0])


def _numbers(leave: list[str] | None) -> frozenset[int] | None:
    given = words(leave)
    if wrong := [word for word in given if not word.isdecimal()]:
        raise Failure(f"--from {wrong[0]!r} is no version", "A version is a number, such as 1.", Failure.USAGE)
    return frozenset(map(int, given)) or None


def _options(
    verification: Verification,
    alias: str | None,
    canary: list[str] | None,
    bake: str | None,
    max_failures: int,
    on_failure: Falling,
    concurrency: int,
    *,
    publish: bool,
) -> Options:
    from lamina.rollouts import sizes
    from lamina.rollouts.plans import OnFailure, Options

    if canary and alias is None:
        raise Failure("--canary shares out an alias's invocations", "Name it: --alias NAME.", Failure.USAGE)
    shares = sizes.shares(words(canary)) if alias is not None else ()
    bake_s = 0 if bake is None else sizes.seconds(bake)
    return Options(
        publish or alias is not None,
        alias,
        shares,
        bake_s,
        verification,
        max_failures,
        OnFailure(on_failure),
        concurrency,
    )


def _tag(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    return name, value if equals else None


def _new_id(layer: str, after: int) -> str:
    from lamina.rollouts.planning import plan_id

    return plan_id(layer, after, f"{datetime.now(UTC):%m%d-%H%M}", secrets.token_hex(2))
