"""Whom we fetch from is whom this machine's pip, npm and Maven were told to ask."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from lamina.installing.lock import Registry
from lamina.installing.mirrors import Source, sources

DEFAULTS = {
    Registry.PYPI: "https://pypi.example/simple",
    Registry.NPM: "https://npm.example",
    Registry.MAVEN: "https://maven.example/maven2",
}
HOME = {"HOME": "/home/me"}


def _source(registry: Registry, environ: Mapping[str, str], files: Mapping[str, str] | None = None) -> Source:
    found = {Path(name): text for name, text in (files or {}).items()}
    return sources(DEFAULTS, {**HOME, **environ}, found.get)[registry]


@pytest.mark.parametrize("registry", Registry)
def test_nobody_having_said_anything_the_public_registries_are_asked(registry: Registry) -> None:
    assert _source(registry, {}) == Source(DEFAULTS[registry])


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PIP_INDEX_URL", "https://mirror.corp/pypi/simple/"),
        ("UV_INDEX_URL", "https://mirror.corp/pypi/simple"),
        ("UV_DEFAULT_INDEX", "corp=https://mirror.corp/pypi/simple"),
    ],
)
def test_pips_and_uvs_variables_name_the_index(variable: str, value: str) -> None:
    source = _source(Registry.PYPI, {variable: value})
    assert (source.address, source.said_by) == ("https://mirror.corp/pypi/simple", variable)


def test_of_pips_files_the_named_one_counts_most_then_the_users_then_the_machines() -> None:
    files = {
        "/etc/pip.conf": "[global]\nindex-url = https://machine.corp/simple\n",
        "/home/me/.config/pip/pip.conf": "[global]\nindex-url = https://user.corp/simple\n",
        "/named.conf": "[global]\nindex-url = https://named.corp/simple\n",
    }
    assert _source(Registry.PYPI, {"PIP_CONFIG_FILE": "/named.conf"}, files).address == "https://named.corp/simple"
    assert _source(Registry.PYPI, {}, files).address == "https://user.corp/simple"
    del files["/home/me/.config/pip/pip.conf"]
    assert _source(Registry.PYPI, {}, files).address == "https://machine.corp/simple"
    assert _source(Registry.PYPI, {}, files).said_by == "/etc/pip.conf"


@pytest.mark.parametrize("text", ["index-url = https://x", "[global\n", "[global]\ncert = /x%y\n", "\0"])
def test_a_file_of_pips_that_says_nothing_of_an_index_is_passed_over(text: str) -> None:
    assert _source(Registry.PYPI, {}, {"/etc/pip.conf": text}) == Source(DEFAULTS[Registry.PYPI])


def test_a_password_in_an_address_is_sent_and_never_shown() -> None:
    source = _source(Registry.PYPI, {"PIP_INDEX_URL": "https://me:s%40cret@mirror.corp:8443/simple"})
    assert source == Source("https://mirror.corp:8443/simple", "me", "s@cret", said_by="PIP_INDEX_URL")


@pytest.mark.parametrize("variable", ["npm_config_registry", "NPM_CONFIG_REGISTRY"])
def test_npms_variable_counts_more_than_its_file(variable: str) -> None:
    files = {"/home/me/.npmrc": "registry=https://file.corp/npm/\n"}
    assert _source(Registry.NPM, {}, files).address == "https://file.corp/npm"
    assert _source(Registry.NPM, {variable: "https://variable.corp"}, files).address == "https://variable.corp"


@pytest.mark.parametrize("scope", ["//mirror.corp/api/npm/repo/", "//mirror.corp/api/npm/", "//mirror.corp/"])
def test_npms_token_for_a_registry_or_a_folder_above_it_is_sent(scope: str) -> None:
    rc = f"# ours\nregistry = https://mirror.corp/api/npm/repo/\n{scope}:_authToken=${{CORP_TOKEN}}\n//other.corp/:_authToken=no\n"
    assert _source(Registry.NPM, {"CORP_TOKEN": "sesame"}, {"/home/me/.npmrc": rc}).token == "sesame"


def test_npms_token_for_another_registry_is_not_sent() -> None:
    rc = "registry=https://mirror.corp/npm/\n//other.corp/:_authToken=no\n//mirror.corp/else/:_authToken=no\n"
    assert _source(Registry.NPM, {}, {"/home/me/.npmrc": rc}).token == ""


SETTINGS_XML = """<settings{namespace}>
  <servers><server><id>corp</id><username>me</username><password>secret</password></server></servers>
  <mirrors>
    <mirror><id>other</id><mirrorOf>snapshots</mirrorOf><url>https://snapshots.corp</url></mirror>
    <mirror><id>corp</id><mirrorOf>{mirrored}</mirrorOf><url>https://maven.corp/central/</url></mirror>
  </mirrors>
</settings>"""


@pytest.mark.parametrize("mirrored", ["central", "*", "external:*", "jcenter, central"])
@pytest.mark.parametrize("namespace", ["", ' xmlns="http://maven.apache.org/SETTINGS/1.2.0"'])
def test_mavens_mirror_of_central_is_asked_with_its_password(mirrored: str, namespace: str) -> None:
    files = {"/home/me/.m2/settings.xml": SETTINGS_XML.format(mirrored=mirrored, namespace=namespace)}
    assert _source(Registry.MAVEN, {}, files) == Source(
        "https://maven.corp/central", "me", "secret", said_by="/home/me/.m2/settings.xml"
    )


@pytest.mark.parametrize("mirrored", ["snapshots", "*,!central", ""])
def test_mavens_mirror_of_something_else_is_not_asked(mirrored: str) -> None:
    files = {"/home/me/.m2/settings.xml": SETTINGS_XML.format(mirrored=mirrored, namespace="")}
    assert _source(Registry.MAVEN, {}, files) == Source(DEFAULTS[Registry.MAVEN])


def test_settings_of_maven_that_are_no_xml_are_passed_over() -> None:
    assert _source(Registry.MAVEN, {}, {"/home/me/.m2/settings.xml": "<settings>"}) == Source(DEFAULTS[Registry.MAVEN])


def test_our_own_variable_for_maven_counts_most() -> None:
    files = {"/home/me/.m2/settings.xml": SETTINGS_XML.format(mirrored="*", namespace="")}
    assert _source(Registry.MAVEN, {"LAMINA_MAVEN_REPOSITORY": "http://[::1]:8081/m2/"}, files).address == (
        "http://[::1]:8081/m2"
    )
