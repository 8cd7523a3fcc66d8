"""`lamina update`: new code and new layers of a function together, never seen half done through an alias."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from lamina.cli.endpoints import EndpointUrl, Profile, Region, chosen
from lamina.cli.failures import Failure
from lamina.cli.references import layer_named, words

if TYPE_CHECKING:
    from lamina.workshop.endpoint import Endpoint
    from lamina.workshop.rollouts.functions import Functions

_CODE: Final = "The new code: a zip, or a folder that lies as /var/task will."
_LAYERS: Final = (
    "All its layers from now on, the bottom one first: ARNs, NAME:VERSION or NAME (the newest). Commas between them, "
    "or once for each."
)
_BUCKET: Final = "Bucket by which code goes that is too large to be sent directly."
_ALIAS: Final = "Publish a version, and let this alias lead to it."


def update(
    function: Annotated[str, typer.Argument(metavar="FUNCTION", help="Its name or ARN.")],
    code: Annotated[str | None, typer.Option("--code", "-c", metavar="CODE", help=_CODE)] = None,
    layers: Annotated[list[str] | None, typer.Option("--layers", "-l", metavar="LIST", help=_LAYERS)] = None,
    no_layers: Annotated[bool, typer.Option("--no-layers", help="From now on it has no layers.")] = False,
    publish: Annotated[bool, typer.Option("--publish", help="Publish a version of it.")] = False,
    alias: Annotated[str | None, typer.Option("--alias", metavar="NAME", help=_ALIAS)] = None,
    bucket: Annotated[str | None, typer.Option("--bucket", metavar="NAME", help=_BUCKET)] = None,
    endpoint: EndpointUrl = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what came of it as JSON.")] = False,
) -> None:
    """Change a function's code and layers together.

    With --alias, callers of the alias get the old code with the old layers, and then the new with the new: never one
    without the other. What somebody else changes meanwhile is left as it is, and told. Can be run again: what is there
    already is not done twice.

    \b
    Examples:
      lamina update shop --code build/ --layers shop-deps:8,shared --alias live
      lamina update shop --layers shop-deps --publish
    """
    from lamina.workshop.rollouts.updating import Change
    from lamina.workshop.rollouts.updating import update as carry_out

    if code is None and layers is None and not no_layers:
        raise Failure("there is nothing to update", "Give --code, --layers or both.", Failure.USAGE)
    if layers and no_layers:
        raise Failure("--layers and --no-layers contradict each other", code=Failure.USAGE)
    archive = None if code is None else _archive(code, bucket)
    functions = _functions(chosen(endpoint, profile, region), function, bucket)
    attached = tuple(_arn(functions, name) for name in words(layers))
    change = Change(archive, attached if layers or no_layers else None, publish, alias)
    with _telling(quiet=as_json) as tell:
        done = carry_out(functions, function, change, time.sleep, tell)
    if as_json:
        print(json.dumps({**asdict(done), "alias": alias}, indent=2))
        return
    what = "is updated" if done.changed else "is the same already"
    where = "" if done.version is None else f", version {done.version}"
    print(f"{function} {what}{where}{'' if alias is None else f', to which {alias} leads'}")


def _functions(api: Endpoint, function: str, bucket: str | None) -> Functions:
    """Where *function* is: an ARN is asked for in its own region. Large code goes by *bucket*, if one is named."""
    from lamina.names import Digest, parse_function_name
    from lamina.workshop.deploying import packaging
    from lamina.workshop.publishing import storage_of
    from lamina.workshop.rollouts.functions import Functions

    def upload(name: str, archive: bytes) -> tuple[str, str]:
        assert bucket is not None, "without one, nothing is as large"
        # A key that says what is under it: the same archive twice is one object.
        key = f"lamina/{name.rpartition(':')[2]}/{Digest.of(archive)}.zip"
        packaging.upload(storage_of(api, os.environ), bucket, key, archive)
        return bucket, key

    try:
        named = parse_function_name(function)
    except ValueError:
        raise Failure(f"{function!r} names no function", code=Failure.USAGE) from None
    if named.qualifier is not None:
        hint = "Versions never change. Name the function alone, and with --alias the alias to move."
        raise Failure(f"{function} is one version or alias of a function", hint, Failure.USAGE)
    return Functions(api, named.region, upload=upload)


def _arn(functions: Functions, text: str) -> str:
    """The version of a layer that *text* names."""
    named = layer_named(text)
    number = next(iter(named.versions), None)
    if named.account is not None and number is not None:
        return text
    return functions.layer(text if number is None else text.rpartition(":")[0], number)


def _archive(code: str, bucket: str | None) -> bytes:
    from lamina.layers.sizes import UPLOADED_BYTES_MAX
    from lamina.workshop import sources
    from lamina.workshop.artifacts import Role
    from lamina.workshop.running.packing import packed

    path = Path(code)
    if path.is_dir():
        archive = packed(sources.folder(path, code, Role.FUNCTION), compressed=True)
    else:
        try:
            archive = path.read_bytes()
        except OSError as error:
            raise Failure(f"{code} cannot be read: {error.strerror}", code=Failure.USAGE) from error
        # Refused before anything changes, not once the layers have.
        sources.unpacked(archive, code, Role.FUNCTION)
    if len(archive) > UPLOADED_BYTES_MAX and bucket is None:
        raise Failure(
            f"the archive of {code} has {len(archive)} bytes, and {UPLOADED_BYTES_MAX} can be sent without S3",
            "Upload it by a bucket of yours (--bucket NAME), or move what is large into a layer.",
        )
    return archive


@contextmanager
def _telling(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Steps as they begin: a line that changes on a terminal, a line each elsewhere."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if quiet:
        yield lambda _saying: None
    elif console.is_terminal:
        with console.status("looking at the function …") as status:
            yield lambda saying: status.update(f"{escape(saying)} …")
    else:
        yield lambda saying: console.print(f"{escape(saying)} …")
