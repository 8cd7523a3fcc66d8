"""Layers with one fault each, made here byte by byte, and the one finding that each must give."""

from __future__ import annotations

import stat
from dataclasses import dataclass, replace
from typing import Final

from lamina.workshop.artifacts import Artifact, Role
from lamina.workshop.checks import running
from lamina.workshop.checks.archives import refused
from lamina.workshop.checks.attached import examine, targets
from lamina.workshop.checks.findings import Finding
from lamina.workshop.sources import ArchiveRefused, unpacked
from tests.support import zips
from tests.support.elf import AARCH64, I386, elf
from tests.support.zips import Item

PYTHON: Final = "python3.12"
MACH_O: Final = b"\xcf\xfa\xed\xfe" + bytes(200)
PRIVATE_KEY: Final = b"-----BEGIN RSA PRIVATE" + b" KEY-----\n" + b"MIIEpAIBAAKCAQEA" * 8 + b"\n"


@dataclass(frozen=True)
class Case:
    """What is attached, for what, and the ids it must give. *layers* are archives; *function* is code beside them."""

    layers: tuple[bytes, ...]
    expected: tuple[str, ...] = ()
    function: bytes | None = None
    runtime: str | None = PYTHON
    architecture: str | None = "x86_64"
    arns: tuple[str, ...] = ()
    declared: tuple[str, ...] | None = None

    def findings(self) -> list[Finding]:
        loaded: list[Artifact] = []
        found: list[Finding] = []
        for number, data in enumerate(self.layers):
            try:
                artifact = unpacked(data, f"layer{number}")
            except ArchiveRefused as error:
                found.append(running.finding(*refused(f"layer{number}", error.reason)))
                continue
            arn = self.arns[number] if self.arns else None
            loaded.append(replace(artifact, arn=arn, runtimes=self.declared))
        function = None if self.function is None else unpacked(self.function, "function", Role.FUNCTION)
        attached = examine(loaded, function)
        return found + running.check(attached, targets(attached, self.runtime, self.architecture))


def dist(
    name: str, version: str, *requires: str, tag: str = "py3-none-any", files: tuple[str, ...] = ()
) -> dict[str, bytes]:
    """The records of an installed wheel below python/; *files* are its own besides."""
    info = f"python/{name}-{version}.dist-info"
    wants = "".join(f"Requires-Dist: {text}\n" for text in requires)
    record = "".join(f"{path},,\n" for path in files)
    return {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{wants}\n".encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nTag: {tag}\n".encode(),
        f"{info}/RECORD": record.encode(),
    }


def package(
    name: str, version: str, *requires: str, content: bytes = b"", tag: str = "py3-none-any"
) -> dict[str, bytes]:
    """A wheel of one package with one file, installed below python/."""
    return {
        f"python/{name}/__init__.py": content,
        **dist(name, version, *requires, tag=tag, files=(f"{name}/__init__.py",)),
    }


def node(name: str, version: str = "1.0.0", dependencies: str = "{}") -> dict[str, bytes]:
    text = f'{{"name": "{name}", "version": "{version}", "dependencies": {dependencies}}}'
    return {
        f"nodejs/node_modules/{name}/package.json": text.encode(),
        f"nodejs/node_modules/{name}/index.js": b"exports.a = 1",
    }


def one(*items: Item | dict[str, bytes]) -> tuple[bytes, ...]:
    entries = [
        entry
        for item in items
        for entry in ([item] if isinstance(item, Item) else [Item(name, content) for name, content in item.items()])
    ]
    return (zips.archive(*entries),)


def files(*names: str, content: bytes = b"x = 1\n") -> dict[str, bytes]:
    return dict.fromkeys(names, content)


FINE: Final = files("python/mine.py")
_SO: Final = "python/fast/_fast.cpython-312-x86_64-linux-gnu.so"
_INIT: Final = files("python/fast/__init__.py")
_REGION: Final = "arn:aws:lambda:eu-west-1:123456789012:layer:"
_MEGABYTES: Final = bytes(66_000_000)
_MEGABYTES_PACKED: Final = zips.deflate(_MEGABYTES)


def _with(path: str, content: bytes, **more: object) -> tuple[bytes, ...]:
    return one(FINE, replace(Item(path, content), **more))  # type: ignore[arg-type]  # the fields of an Item


BAD: Final[dict[str, Case]] = {
    "no archive at all": Case((b"this is no zip",), ("LAM101",)),
    "a torn archive": Case((one(FINE)[0][:-30],), ("LAM101",)),
    "a path that leads out": Case(one(Item("../mine.py")), ("LAM101",)),
    "a file whose checksum is wrong": Case(one(Item("python/mine.py", b"x", crc=1)), ("LAM101",)),
    "an archive without entries": Case((zips.archive(),), ("LAM102",)),
    "a link to a file of the machine": Case(one(FINE, zips.link("python/passwd", "/etc/passwd")), ("LAM103",)),
    "names that differ in case": Case(one(files("python/mine.py", "python/Mine.py")), ("LAM104",)),
    "names with backslashes": Case(one(FINE, files("python\\yours.py")), ("LAM105",)),
    "what macOS adds": Case(one(FINE, files("__MACOSX/python/._mine.py", "python/.DS_Store")), ("LAM106",)),
    "a repository": Case(one(FINE, files(".git/config", ".git/HEAD")), ("LAM107",)),
    "a folder of no meaning": Case(one(files("stuff/readme.txt")), ("LAM110",)),
    "modules at the root": Case(one(files("requests/__init__.py", "requests/api.py")), ("LAM111",)),
    "a folder around everything": Case(one(files("layer/python/mine.py")), ("LAM112",)),
    "site-packages of another Python": Case(one(files("python/lib/python3.9/site-packages/mine.py")), ("LAM113",)),
    "site-packages without their path": Case(one(files("python/site-packages/mine.py")), ("LAM113",)),
    "a virtual environment, zipped": Case(
        one(files("venv/lib/python3.12/site-packages/mine.py", "venv/pyvenv.cfg")), ("LAM113",)
    ),
    "node_modules at the root": Case(one({"node_modules/a/package.json": b"{}"}), ("LAM114",), runtime="nodejs22.x"),
    "packages of Node.js without node_modules": Case(
        one({"nodejs/a/package.json": b"{}", "nodejs/a/index.js": b""}), ("LAM114",), runtime="nodejs22.x"
    ),
    "a layer of another language": Case(one(node("lodash")), ("LAM115",)),
    "node_modules of another Node.js": Case(
        one({"nodejs/node18/node_modules/a/package.json": b"{}"}), ("LAM116",), runtime="nodejs22.x"
    ),
    "jars where Java does not look": Case(one(files("java/tool-1.0.jar")), ("LAM117",), runtime="java21"),
    "gems of another Ruby": Case(one(files("ruby/gems/2.7.0/gems/a-1/lib/a.rb")), ("LAM118",), runtime="ruby3.3"),
    "six layers": Case(tuple(one(files(f"python/m{n}.py"))[0] for n in range(6)), ("LAM201",)),
    "more than 250 MB unzipped": Case(
        one(*(Item(f"bin/data{n}.bin", _MEGABYTES, packed=_MEGABYTES_PACKED) for n in range(4))), ("LAM202",)
    ),
    "too large for a request": Case(
        one(FINE, Item("lib/data.bin", _MEGABYTES[:53_000_000], method=zips.STORED)), ("LAM203",)
    ),
    "a layer twice": Case(one(FINE) * 2, ("LAM204",), arns=(f"{_REGION}a:1", f"{_REGION}a:2")),
    "layers of two regions": Case(
        one(FINE) * 2, ("LAM205",), arns=(f"{_REGION}a:1", f"{_REGION}b:1".replace("eu-", "us-"))
    ),
    "a layer published for another runtime": Case(one(FINE), ("LAM206",), declared=("python3.9",)),
    "an extension module for another Python": Case(one(_INIT, {_SO.replace("312", "39"): elf()}), ("LAM301",)),
    "a wheel for another Python": Case(one(package("fast", "1", tag="cp39-cp39-manylinux2014_x86_64")), ("LAM301",)),
    "a module that hides the standard library": Case(one(files("python/json.py")), ("LAM302",)),
    "a package that hides the runtime's": Case(one(package("botocore", "1.20")), ("LAM303",)),
    "a wheel, copied": Case(one(FINE, files("python/mine-1.0-py3-none-any.whl")), ("LAM304",)),
    "an editable install": Case(one(FINE, files("python/__editable__.mine-1.0.pth")), ("LAM305",)),
    "a library for another processor": Case(one(_INIT, {_SO: elf(AARCH64)}), ("LAM401",)),
    "a program for 32 bits": Case(one(Item("bin/tool", elf(I386), mode=0o100755)), ("LAM401",)),
    "a wheel for macOS": Case(
        one(
            dist("fast", "1", tag="cp312-abi3-macosx_11_0_arm64", files=("fast/_f.abi3.so",)),
            {"python/fast/_f.abi3.so": MACH_O},
        ),
        ("LAM402",),
    ),
    "a wheel for macOS, its library gone": Case(
        one(package("fast", "1", tag="cp312-cp312-macosx_11_0_arm64")), ("LAM402",)
    ),
    "an addon for Windows": Case(
        one(node("fast"), {"nodejs/node_modules/fast/fast.node": b"MZ" + bytes(200)}), ("LAM402",), runtime="nodejs22.x"
    ),
    "a library that nothing brings": Case(one(_INIT, {_SO: elf(needed=["libc.so.6", "libpq.so.5"])}), ("LAM403",)),
    "a library where nothing looks": Case(
        one({"lib64/libpq.so.5": elf()}, Item("bin/psql", elf(needed=["libpq.so.5"]), mode=0o100755)), ("LAM403",)
    ),
    "OpenSSL of the older system": Case(one({"lib/libold.so": elf(needed=["libssl.so.10"])}), ("LAM403",)),
    "a C library newer than the runtime's": Case(
        one(_INIT, {_SO: elf(versions={"libc.so.6": ["GLIBC_2.2.5", "GLIBC_2.38"]})}), ("LAM404",)
    ),
    "a C library newer than the older system's": Case(
        one(_INIT, {_SO.replace("312", "311"): elf(versions={"libc.so.6": ["GLIBC_2.28"]})}),
        ("LAM404",),
        runtime="python3.11",
    ),
    "a C++ library newer than the runtime's": Case(
        one(_INIT, {_SO: elf(needed=["libstdc++.so.6"], versions={"libstdc++.so.6": ["GLIBCXX_3.4.32"]})}), ("LAM404",)
    ),
    "a program of Alpine": Case(
        one(Item("bin/tool", elf(needed=["libc.musl-x86_64.so.1"]), mode=0o100755)), ("LAM405",)
    ),
    "an extension without the x bit": Case(_with("extensions/agent", b"#!/bin/sh\n"), ("LAM406",)),
    "a program without the x bit": Case(_with("bin/tool", elf()), ("LAM406",)),
    "a bootstrap without the x bit": Case(
        one(files("lib/data")), ("LAM406",), one(files("bootstrap", content=b"#!/bin/sh\n"))[0], "provided.al2023"
    ),
    "a script with Windows line ends": Case(_with("bin/run", b"#!/bin/sh\r\necho\r\n", mode=0o100755), ("LAM407",)),
    "a file that another layer hides": Case(
        (*one(files("bin/data.txt", content=b"1")), *one(files("bin/data.txt", content=b"2"))), ("LAM501",)
    ),
    "a folder that a file of another layer hides": Case(
        (*one(files("bin/data/a")), *one(files("bin/data"))), ("LAM501",)
    ),
    "a module that the function has, too": Case(one(FINE), ("LAM502",), one(files("mine.py", content=b"y"))[0]),
    "one module in two places of a path": Case(
        one(FINE, files("python/lib/python3.12/site-packages/mine.py", content=b"y")), ("LAM502",)
    ),
    "a package in two versions": Case(
        (*one(package("yaml", "6.0", content=b"6")), *one(package("yaml", "5.1", content=b"5"))), ("LAM503",)
    ),
    "a requirement that is nowhere": Case(one(package("requests", "2.32", "idna>=2.5")), ("LAM504",)),
    "a requirement in another version": Case(
        one(package("requests", "2.32", "idna>=2.5"), package("idna", "2.0")), ("LAM504",)
    ),
    "a function whose requirements no layer has": Case(
        one(FINE), ("LAM504",), one({"requirements.txt": b"requests==2.32  # pinned\n"})[0]
    ),
    "a dependency of Node.js that is nowhere": Case(
        one(node("express", dependencies='{"accepts": "^1"}')), ("LAM505",), runtime="nodejs22.x"
    ),
    "an import that no layer meets": Case(
        one(FINE),
        ("LAM506",),
        one({"app.py": b"import json, mine, inner.part\n", "inner/part.py": b"import requests"})[0],
    ),
    "a private key": Case(_with("python/server.pem", PRIVATE_KEY), ("LAM601",)),
    "an access key in a module": Case(
        one({"python/settings.py": b'KEY = "' + b"AKIA" + b'QYLPMN5HHHFPZAM2"\n'}), ("LAM601",)
    ),
    "a file of settings for development": Case(_with("python/.env", b"PASSWORD=hunter2\n"), ("LAM601",)),
    "a file that all may write": Case(_with("python/data.txt", b"1", mode=stat.S_IFREG | 0o666), ("LAM602",)),
    "a program that runs as its owner": Case(
        one(Item("bin/tool", b"#!/bin/sh\n", mode=stat.S_IFREG | 0o4755)), ("LAM603",)
    ),
    "a file that its owner alone may read": Case(
        _with("python/data.txt", b"1", mode=stat.S_IFREG | 0o600), ("LAM604",)
    ),
}

_SHARP: Final = "nodejs/node_modules/@img/sharp-linux-x64/lib/sharp-linux-x64.node"

GOOD: Final[dict[str, Case]] = {
    "modules in python/": Case(one(FINE)),
    "packages that meet one another's requirements": Case(
        one(
            package(
                "requests", "2.32.3", "idna<4,>=2.5", "PySocks>=1.5; extra == 'socks'", "old; python_version < '3'"
            ),
            package("idna", "3.10"),
        )
    ),
    "a requirement that the runtime meets": Case(one(package("tool", "1", "boto3>=1.20", "urllib3"))),
    "requirements met by another layer": Case((*one(package("a", "1", "b")), *one(package("b", "2")))),
    "site-packages of this Python, with compiled parts": Case(
        one(
            {
                "python/lib/python3.12/site-packages/fast/_f.cpython-312-x86_64-linux-gnu.so": elf(
                    needed=["libc.so.6", "libfast-1234.so.2"],
                    versions={"libc.so.6": ["GLIBC_2.17"]},
                    run_path="$ORIGIN/../fast.libs",
                ),
                "python/lib/python3.12/site-packages/fast.libs/libfast-1234.so.2": elf(),
                "python/lib/python3.12/site-packages/fast/__init__.py": b"",
            }
        )
    ),
    "several Pythons side by side": Case(
        one(_INIT, {_SO: elf(), _SO.replace("312", "311"): elf(), "python/fast/_slow.abi3.so": elf()})
    ),
    "a Node.js package for every platform": Case(
        one(
            node("sharp"),
            {
                _SHARP: elf(),
                _SHARP.replace("linux", "linuxmusl"): elf(needed=["libc.musl-x86_64.so.1"]),
                _SHARP.replace("linux", "darwin"): MACH_O,
                _SHARP.replace("x64", "arm64"): elf(AARCH64),
            },
        ),
        runtime="nodejs22.x",
    ),
    "programs with their libraries, and an extension": Case(
        one(
            Item("bin/jq", elf(needed=["libjq.so.1"]), mode=0o100755),
            Item("extensions/agent", b"#!/bin/sh\n", mode=0o100755),
            {"lib/libjq.so.1": elf(), "etc/jq.conf": b"x=1"},
            zips.link("lib/libjq.so", "libjq.so.1"),
        ),
        runtime="provided.al2023",
    ),
    "a program with libraries beside it, which it finds by itself": Case(
        one(
            {"frozen/libffi.so.6": elf(), "frozen/lib-dynload/_ctypes.so": elf(needed=["libffi.so.6"])},
            {"bootstrap": b"", "lib/readme": b""},
        ),
        runtime="python3.12",
    ),
    "a runtime of one's own": Case(one(Item("bootstrap", b"#!/bin/sh\n", mode=0o100755)), runtime="provided.al2023"),
    "imports of layers, of the runtime, and such as may fail": Case(
        one(FINE, package("requests", "2.32")),
        function=one(
            {
                "app.py": b"import os.path, boto3, requests, mine\nfrom inner import part\n"
                b"try:\n    import ujson\nexcept ImportError:\n    ujson = None\n",
                "inner/part.py": b"from . import other\ndef f():\n    import late\n",
                "setup.py": b"import setuptools",
                "scripts/run.py": b"import click",
                "newer.py": b"this is no Python",
            }
        )[0],
    ),
    "jars": Case(one(files("java/lib/commons-lang3-3.17.0.jar")), runtime="java21"),
    "keys that a public package tests itself with": Case(
        one(dist("tornado", "6", files=("tornado/test/test.key",)), {"python/tornado/test/test.key": PRIVATE_KEY})
    ),
    "two layers of one namespace": Case((*one(files("python/google/a.py")), *one(files("python/google/b.py")))),
    "an arm64 library for arm64": Case(
        one(_INIT, {_SO.replace("x86_64", "aarch64"): elf(AARCH64)}), architecture="arm64"
    ),
}
