"""Which address an artifact has in its registry."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Final
from urllib.parse import quote, unquote, urljoin, urlsplit

from lamina.installing.lock import Artifact

# Both forms of PyPI's "simple" interface; mirrors mostly know the older only.
INDEX_ACCEPTS: Final = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"


def npm_address(base: str, artifact: Artifact) -> str:
    """The tarball, where npm and every mirror of it keep one."""
    unscoped = artifact.package.rpartition("/")[2]
    return f"{base}/{quote(artifact.package, safe='@/')}/-/{unscoped}-{artifact.version}.tgz"


def maven_address(base: str, artifact: Artifact) -> str:
    """The jar; the package is "group:artifact"."""
    group, _, name = artifact.package.partition(":")
    return f"{base}/{group.replace('.', '/')}/{name}/{artifact.version}/{jar_name(artifact)}"


def jar_name(artifact: Artifact) -> str:
    """The file's own name: "aws-lambda-java-core-1.4.0.jar"."""
    return f"{artifact.package.partition(':')[2]}-{artifact.version}.jar"


def pypi_index(base: str, artifact: Artifact) -> str:
    """The page that lists a package's files: a wheel's own address says nothing, and differs between mirrors."""
    return f"{base}/{artifact.package}/"


def pypi_files(index: str, content_type: str, body: str) -> dict[str, str]:
    """File name -> address of each file on the page *body* that was read from *index*, digests in fragments kept.

    Raises ValueError, LookupError or TypeError for a page that is no such list.
    """
    if "json" in content_type:
        return {entry["filename"]: urljoin(index, entry["url"]) for entry in json.loads(body)["files"]}
    page = _Links()
    page.feed(body)
    return {unquote(urlsplit(link).path).rpartition("/")[2]: urljoin(index, link) for link in page.found}


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value]
