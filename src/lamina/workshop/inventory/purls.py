"""Package URLs: the names by which databases of licences and vulnerabilities know packages."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from lamina.workshop.packages import Ecosystem

_TYPES: Final = {
    Ecosystem.PYTHON: "pypi",
    Ecosystem.NODE: "npm",
    Ecosystem.JAVA: "maven",
    Ecosystem.RUBY: "gem",
}


def purl(ecosystem: Ecosystem, group: str, name: str, version: str) -> str:
    """Such as "pkg:npm/%40scope/name@1.0"; a jar of no known group is "pkg:generic/…", as Maven has none of that name.

    Case and dashes are as the specification of each type has them.
    """
    kind = _TYPES[ecosystem]
    if ecosystem is Ecosystem.PYTHON:
        name = name.lower().replace("_", "-")
    elif ecosystem is Ecosystem.NODE:
        group, name = group.lower(), name.lower()
    elif ecosystem is Ecosystem.JAVA and not group:
        kind = "generic"
    platform = ""
    if ecosystem is Ecosystem.RUBY:
        version, _, platform = version.partition("-")
    path = "/".join(_quoted(part) for part in (group, name) if part)
    at = f"@{_quoted(version)}" if version else ""
    return f"pkg:{kind}/{path}{at}" + (f"?platform={_quoted(platform)}" if platform else "")


def _quoted(text: str) -> str:
    # JSON can spell what is half a character, which no URL can.
    return quote(text, safe=":", errors="replace")
