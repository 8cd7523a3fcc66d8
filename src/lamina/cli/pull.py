"""`lamina pull`: a published layer's archive, in a file."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from lamina.cli.endpoints import EndpointUrl, Profile, Region, chosen
from lamina.cli.failures import Failure
from lamina.cli.loading import downloads


def pull(
    layers: Annotated[list[str], typer.Argument(metavar="LAYER", help="ARNs, NAME or NAME:VERSION.")],
    into: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the archives; made if need be.")] = Path(),
    endpoint: EndpointUrl = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Download layers, each into a file NAME-VERSION.zip, and print the files' paths.

    What arrives is compared with the digest that the server names, and kept in the user's cache: the same archive is
    fetched once, whatever layers consist of it.

    \b
    Examples:
      lamina pull my-layer:3
      lamina pull arn:aws:lambda:eu-central-1:123456789012:layer:tools:7 --endpoint aws --into layers
    """
    from lamina.workshop.sources import fetch_layer

    at = chosen(endpoint, profile, region)
    for layer in layers:
        with downloads() as store:
            found = fetch_layer(layer, at, store)
            try:
                path = _copied(found.file, into / f"{found.arn.layer.name}-{found.arn.number}.zip")
            except OSError as error:
                raise Failure(f"{error.filename} cannot be written: {error.strerror}") from error
        print(path)


def _copied(file: Path, path: Path) -> Path:
    """*path*, which is *file*'s content from one moment to the next."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".lamina-", delete=False) as aside:
        try:
            with file.open("rb") as content:
                shutil.copyfileobj(content, aside)
            umask = os.umask(0)
            os.umask(umask)
            os.fchmod(aside.fileno(), 0o666 & ~umask)
            Path(aside.name).replace(path)
        except BaseException:
            Path(aside.name).unlink()
            raise
    return path
