"""`lamina mirror`: layers of other accounts, in a local server under the ARNs that they have there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamina.cli.doors import server_door
from lamina.cli.endpoints import Profile
from lamina.cli.failures import Failure
from lamina.cli.here import State, state_folder
from lamina.cli.loading import downloads

if TYPE_CHECKING:
    from lamina.names import LayerVersionArn
    from lamina.workshop.downloads import Downloads
    from lamina.workshop.endpoint import Endpoint

_ARNS = "ARNs of layer versions, of any account and region."
_FROM = "The layer's archive, where you have it: nothing is asked of anybody then. For one ARN."
_ENDPOINT = "Address of the API that they are read from.  [default: AWS itself]"


def mirror(
    arns: Annotated[list[str], typer.Argument(metavar="ARN", help=_ARNS)],
    source: Annotated[Path | None, typer.Option("--from", metavar="FILE", help=_FROM)] = None,
    endpoint: Annotated[str | None, typer.Option(metavar="URL", help=_ENDPOINT)] = None,
    profile: Profile = None,
    state: State = None,
) -> None:
    """Copy layers of other accounts into a running `lamina up`, under their real ARNs.

    Functions of any account there can then attach them, with nobody else to be reached: templates that name AWS's
    public layers, or those of another team, run as they are. They are read with your AWS credentials, or as a zip.

    \b
    Examples:
      lamina mirror arn:aws:lambda:eu-central-1:017000801446:layer:AWSLambdaPowertoolsPythonV3-python313-x86_64:7
      lamina mirror arn:aws:lambda:us-east-1:123456789012:layer:tools:41 --from tools-41.zip
    """
    from lamina.workshop.endpoint import AWS, Endpoint

    wanted = [_parsed(arn) for arn in arns]
    if source is not None and len(wanted) > 1:
        raise Failure("one archive is one layer", "Name one ARN with --from.", Failure.USAGE)
    folder, origin = state_folder(state), Endpoint(endpoint or AWS, profile=profile)
    for arn in wanted:
        # First, so that nothing is fetched for a server that is not there.
        with server_door(folder, "mirror ARN") as door, downloads() as store:
            file, attributes = (source, {}) if source is not None else _fetched(arn, origin, store)
            if not file.is_file():
                raise Failure(f"there is no file {file}", code=Failure.USAGE)
            added = door.ask({"mirror": str(file.resolve()), "arn": str(arn), "attributes": attributes})["added"]
        print(f"{arn} {'is mirrored' if added else 'is here already'}")


def _parsed(text: str) -> LayerVersionArn:
    from lamina.names import LayerVersionArn

    try:
        return LayerVersionArn.parse(text)
    except ValueError:
        hint = "Such as arn:aws:lambda:us-east-1:123456789012:layer:tools:41, with its version."
        raise Failure(f"{text} is not the ARN of a layer version", hint, Failure.USAGE) from None


def _fetched(arn: LayerVersionArn, origin: Endpoint, store: Downloads) -> tuple[Path, dict[str, Any]]:
    """The archive, and what GetLayerVersion says of the version."""
    from lamina.workshop.endpoint import EndpointError
    from lamina.workshop.sources import fetch_layer

    try:
        found = fetch_layer(str(arn), origin, store)
    except EndpointError as error:
        hint = "A zip of it will do, and takes no credentials: --from FILE"
        raise Failure(f"{arn} cannot be read: {error}", hint) from error
    return found.file, {
        "CreatedDate": found.created,
        "Description": found.description,
        "CompatibleRuntimes": found.runtimes,
        "CompatibleArchitectures": found.architectures,
        "LicenseInfo": found.license_info,
    }
