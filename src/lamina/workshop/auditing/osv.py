"""Records of the Open Source Vulnerability format, https://ossf.github.io/osv-schema/: what they say of a component."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cmp_to_key
from typing import Any, Final

from packaging.utils import canonicalize_name

from lamina.workshop.auditing.advisories import Advisory
from lamina.workshop.auditing.versions import UnknownVersion, compare, lowest_first
from lamina.workshop.inventory.components import Component
from lamina.workshop.packages import Ecosystem

# What records call the ecosystems.
ECOSYSTEMS: Final = {
    Ecosystem.PYTHON: "PyPI",
    Ecosystem.NODE: "npm",
    Ecosystem.JAVA: "Maven",
    Ecosystem.RUBY: "RubyGems",
}
_OF: Final = re.compile(rb'"ecosystem"\s*:\s*"([A-Za-z]+)')
_NAMED: Final = re.compile(rb'"name"\s*:\s*"([^"\\]+)"')


def name_of(component: Component) -> str:
    """What records call it."""
    if component.ecosystem is Ecosystem.PYTHON:
        return canonicalize_name(component.name)
    if component.ecosystem is Ecosystem.JAVA:
        return f"{component.group}:{component.name}"
    return f"{component.group}/{component.name}" if component.group else component.name


def ecosystems(record: bytes) -> set[str]:
    """Of which ecosystems packages in *record* are, without parsing it."""
    return {found.decode() for found in _OF.findall(record)}


def may_concern(record: bytes, names: frozenset[str]) -> bool:
    """Whether *record* could be about one of *names*, each in lower case: of tens of thousands few are, and parsing is
    what takes the time.
    """
    return any(_plain(found.decode("utf-8", "replace")) in names for found in _NAMED.findall(record))


def plain_names(components: Iterable[Component]) -> frozenset[str]:
    """The names of *components* for `may_concern`."""
    return frozenset(_plain(name_of(component)) for component in components)


def advisory(record: Mapping[str, Any], component: Component) -> Advisory | None:
    """What *record* says of *component*: None where it is not about it, or about other versions, or withdrawn."""
    if record.get("withdrawn"):
        return None
    affected = [each for each in _mappings(record.get("affected")) if _is_about(each, component)]
    if not any(_holds(each, component) for each in affected):
        return None
    fixes = [fix for each in affected for fix in _fixes(each) if _is_later(fix, component)]
    details = str(record.get("details") or "").strip().partition("\n")[0]
    return Advisory(
        id=str(record.get("id", "")),
        aliases=_texts(record.get("aliases")),
        summary=str(record.get("summary") or details),
        severity=_severity(record, affected),
        fixed_in=lowest_first(component.ecosystem, fixes),
    )


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    return (each for each in (value if isinstance(value, list) else ()) if isinstance(each, dict))


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(each for each in (value if isinstance(value, list) else ()) if isinstance(each, str))


def _is_about(affected: Mapping[str, Any], component: Component) -> bool:
    package = affected.get("package")
    if not isinstance(package, dict):
        return False
    # What follows a colon is a release of the ecosystem, or one of its repositories.
    ecosystem, name = str(package.get("ecosystem", "")).partition(":")[0], str(package.get("name", ""))
    if component.ecosystem is Ecosystem.PYTHON:
        name = canonicalize_name(name)
    return ecosystem == ECOSYSTEMS[component.ecosystem] and name == name_of(component)


def _holds(affected: Mapping[str, Any], component: Component) -> bool:
    if any(_same(version, component) for version in _texts(affected.get("versions"))):
        return True
    return any(
        _within(_mappings(each.get("events")), component)
        for each in _mappings(affected.get("ranges"))
        if each.get("type") in ("ECOSYSTEM", "SEMVER")
    )


def _same(version: str, component: Component) -> bool:
    if version == component.version:
        return True
    # Only Python spells one version in several ways that its tools write down.
    if component.ecosystem is not Ecosystem.PYTHON:
        return False
    try:
        return compare(component.ecosystem, version, component.version) == 0
    except UnknownVersion:
        return False


def _within(events: Iterable[Mapping[str, Any]], component: Component) -> bool:
    """Whether the component's version lies behind an `introduced` and before what ends it.

    Of a bound that is no version nothing follows; who writes such also lists the versions.
    """
    passed = []
    for kind, bound in (item for event in events for item in event.items()):
        try:
            order = 1 if bound == "0" else compare(component.ecosystem, component.version, str(bound))
        except UnknownVersion:
            continue
        if order > 0 or (order == 0 and kind != "last_affected"):
            passed.append((kind, str(bound)))

    def order_of(one: tuple[str, str], other: tuple[str, str]) -> int:
        if "0" in (one[1], other[1]):
            return int(one[1] != "0") - int(other[1] != "0")
        return compare(component.ecosystem, one[1], other[1])

    # They come in any order: the one that was passed last says how it is.
    return max(passed, key=cmp_to_key(order_of), default=("", ""))[0] == "introduced"


def _fixes(affected: Mapping[str, Any]) -> Iterator[str]:
    for each in _mappings(affected.get("ranges")):
        if each.get("type") in ("ECOSYSTEM", "SEMVER"):
            yield from (str(event["fixed"]) for event in _mappings(each.get("events")) if "fixed" in event)


def _is_later(version: str, component: Component) -> bool:
    try:
        return compare(component.ecosystem, version, component.version) > 0
    except UnknownVersion:
        return False


def _severity(record: Mapping[str, Any], affected: Sequence[Mapping[str, Any]]) -> str:
    """A word, as GitHub's records have one. A CVSS vector is none."""
    for holder in (record, *affected):
        specific = holder.get("database_specific")
        word = specific.get("severity") if isinstance(specific, dict) else None
        if isinstance(word, str) and word.isalpha():
            return word.lower()
    return ""
