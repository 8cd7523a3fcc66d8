"""`lamina deploy` and `lamina delete`: templates of CloudFormation and SAM without further tools."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamina.cli.endpoints import EndpointUrl, Profile, Region, chosen
from lamina.cli.failures import Failure

if TYPE_CHECKING:
    from lamina.workshop.deploying.deployments import Deployments, End, Review
    from lamina.workshop.endpoint import Endpoint

_INLINE_BYTES_MAX = 51_200
_TEMPLATE = "Template, in YAML or JSON; paths in it are relative to its folder."
_STACK = "Name of the stack.  [default: that of the template's folder]"
_PARAMETER = "NAME=VALUE for a parameter; may be repeated. Those of an earlier deployment stay as they are."
_TAG = "NAME=VALUE, for the stack and what it makes; may be repeated."
_BUCKET = "Bucket that archives are put into.  [default: lamina-deploy-ACCOUNT-REGION, made if it is not there]"
_PUBLISH = "Have AutoPublishAlias publish a version when nothing but a layer has changed, too."
_KEEP = "Leave a failed deployment as it is, to look at it."

_AsJson = Annotated[bool, typer.Option("--json", help="Print what came of it as JSON.")]


def deploy(
    template: Annotated[Path, typer.Argument(metavar="TEMPLATE", help=_TEMPLATE)] = Path("template.yaml"),
    stack: Annotated[str | None, typer.Option("--stack", metavar="NAME", help=_STACK)] = None,
    parameter: Annotated[list[str] | None, typer.Option("--parameter", "-p", metavar="N=V", help=_PARAMETER)] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", metavar="N=V", help=_TAG)] = None,
    publish: Annotated[bool, typer.Option("--publish-on-layer-change", help=_PUBLISH)] = False,
    bucket: Annotated[str | None, typer.Option("--bucket", metavar="NAME", help=_BUCKET)] = None,
    keep_failed: Annotated[bool, typer.Option("--keep-failed", help=_KEEP)] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only show what would change.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: _AsJson = False,
    endpoint: EndpointUrl = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Deploy a template: build and upload what lies beside it, show what would change, do it.

    Layers whose folder declares packages (requirements.txt, package.json, ...) are built as lamina build does; any
    other folder is packed as it is. Identities that the template makes, and its transforms, are acknowledged by your
    yes.

    \b
    Examples:
      lamina deploy
      lamina deploy app.yaml --stack staging -p Stage=staging --yes
      lamina deploy --dry-run --endpoint aws
    """
    from lamina.cli.ending import ending_in_order
    from lamina.cli.stack_telling import EventTelling, console, print_outputs, tell_changes
    from lamina.workshop.deploying.deployments import Deployments

    name = stack or _name_of(template)
    api = chosen(endpoint, profile, region)
    told = console(quiet=as_json)
    with ending_in_order():
        body, declared = _template(template, api, bucket, publish=publish, quiet=as_json)
        deployments = Deployments(api)
        review = deployments.review(name, body, declared, _pairs("parameter", parameter), _pairs("tag", tag))
        if review.is_empty:
            told.print(f"{name} is up to date")
            _report(name, review, deployments.end(name), as_json=as_json)
            return
        tell_changes(told, name, review.changes, is_new=review.is_new)
        if dry_run or not _agreed(deployments, review, yes=yes):
            deployments.discard(review)
            _report(name, review, None, as_json=as_json)
            return
        telling = EventTelling(told)
        try:
            telling.tell(deployments.carry_out(review, keep_failed=keep_failed))
        except KeyboardInterrupt:
            told.print(f"{name} goes on being deployed. The same command, once it is over, tells what came of it.")
            raise
        end = deployments.end(name)
    if not as_json and end.is_well:
        print_outputs(end)
    _report(name, review, end, as_json=as_json)
    _check(name, end, telling.failures)


def delete(
    stack: Annotated[str, typer.Argument(metavar="STACK", help="Name of the stack.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: _AsJson = False,
    endpoint: EndpointUrl = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Delete a stack, and everything in it that no policy of its template keeps.

    \b
    Examples:
      lamina delete staging
      lamina delete staging --yes
    """
    from lamina.cli.stack_telling import EventTelling, console
    from lamina.workshop.deploying.deployments import Deployments

    deployments = Deployments(chosen(endpoint, profile, region))
    found = deployments.find(stack)
    if found is None:
        raise Failure(f"there is no stack {stack}")
    stack_id, resources = found
    told = console(quiet=as_json)
    for resource in resources:
        told.print(f"  - {resource}", markup=False)
    if not yes and not _asked(f"Delete {stack}?"):
        raise typer.Exit(Failure.FAILED)
    telling = EventTelling(told)
    telling.tell(deployments.delete(stack_id))
    end = deployments.end(stack_id)
    if as_json:
        print(json.dumps({"stack": stack, "status": end.status, "reason": end.reason}, indent=2))
    _check(stack, end, telling.failures)


def _template(
    file: Path, api: Endpoint, bucket: str | None, *, publish: bool, quiet: bool
) -> tuple[Mapping[str, str], Sequence[str]]:
    """The template in *file* as the API takes it, everything that lies beside it uploaded; and its parameters."""
    from lamina.errors import ApiError
    from lamina.stacks import packaging as contents
    from lamina.stacks.reading import read, write
    from lamina.workshop.deploying.packaging import own_bucket, upload
    from lamina.workshop.endpoint import beside

    try:
        text = file.read_text()
        document = read(text)
    except OSError as error:
        hint = "Name one: lamina deploy TEMPLATE"
        raise Failure(f"{file} cannot be read: {error.strerror}", hint, Failure.USAGE) from error
    except (ApiError, UnicodeDecodeError) as error:
        raise Failure(f"{file}: {error.message if isinstance(error, ApiError) else 'it is not UTF-8'}") from error
    declared = list(document.get("Parameters") or ())
    local = contents.local(document)
    storage = beside(api, "S3", os.environ)
    if local:
        where = bucket or own_bucket(storage, beside(api, "STS", os.environ))
        digests, keys = _uploaded(local, file.parent, storage, where, quiet=quiet)
        if publish:
            document = contents.published_on_layer_change(document, digests)
        text = write(contents.uploaded(document, where, keys))
    elif publish:
        text = write(contents.published_on_layer_change(document, {}))
    if len(text.encode()) <= _INLINE_BYTES_MAX:
        return {"TemplateBody": text}, declared
    from lamina.names import Digest

    where = bucket or own_bucket(storage, beside(api, "STS", os.environ))
    key = f"lamina/{Digest.of(text.encode()).hex}.template"
    upload(storage, where, key, text.encode())
    base = storage.client("s3").meta.endpoint_url
    return {"TemplateURL": f"{base}/{where}/{key}"}, declared


def _uploaded(
    local: Sequence[Any], base: Path, storage: Endpoint, bucket: str, *, quiet: bool
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Digest and key of everything *local*, by logical id, once it is in *bucket*."""
    from lamina.cli.build_telling import BuildProgress, note
    from lamina.cli.steps import size
    from lamina.workshop.building.builds import Builds
    from lamina.workshop.building.tools import Tools
    from lamina.workshop.deploying.packaging import package, upload

    progress = BuildProgress(quiet=quiet)
    tools, builds = Tools(dict(os.environ), progress), Builds.of_the_user(os.environ)
    digests: dict[str, str] = {}
    keys: dict[str, str] = {}
    notes: list[str] = []
    with progress.shown():
        for one in local:
            progress.step(f"packing {one.logical_id}")
            made = package(one, base, builds, tools)
            progress.step(f"uploading {one.logical_id}, {size(len(made.content))}")
            upload(storage, bucket, made.key, made.content)
            digests[one.logical_id], keys[one.logical_id] = made.digest.hex, made.key
            notes += made.notes
    for saying in notes:
        if not quiet:
            note(saying)
    return digests, keys


def _name_of(template: Path) -> str:
    words = re.sub(r"[^A-Za-z0-9]+", "-", template.resolve().parent.name).strip("-")
    if not words or not words[0].isalpha():
        raise Failure("the template's folder has no name that a stack could have", "--stack NAME", Failure.USAGE)
    return words


def _pairs(what: str, given: Sequence[str] | None) -> dict[str, str]:
    pairs = [each.partition("=") for each in given or ()]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise Failure(f"--{what} {name}: it is NAME=VALUE", code=Failure.USAGE)
    return {name: value for name, _, value in pairs}


def _agreed(deployments: Deployments, review: Review, *, yes: bool) -> bool:
    if yes:
        return True
    try:
        return _asked(f"Deploy {review.stack}?")
    except BaseException:
        deployments.discard(review)
        raise


def _asked(question: str) -> bool:
    if not sys.stdin.isatty():
        raise Failure("nobody is there to be asked", "--yes goes on without.", Failure.USAGE)
    return typer.confirm(question, err=True)


def _report(name: str, review: Review, end: End | None, *, as_json: bool) -> None:
    if not as_json:
        return
    changes = [
        {
            "action": change.action,
            "resource": change.logical_id,
            "type": change.type,
            "replacement": change.replacement,
            "properties": list(change.properties),
        }
        for change in review.changes
    ]
    told: dict[str, Any] = {"stack": name, "changes": changes, "status": None if end is None else end.status}
    print(json.dumps({**told, "outputs": {} if end is None else dict(end.outputs)}, indent=2))


def _check(name: str, end: End, failures: Sequence[str]) -> None:
    if not end.is_well:
        told = "; ".join(failures) or end.reason or "it gave no reason"
        raise Failure(f"{name} is in {end.status}: {told}")
