"""Findings as SARIF 2.1.0, which code hosts and editors show beside the code."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import quote

from lamina.workshop.checks.findings import Finding, Rule

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(
    findings: Sequence[Finding], rules: Sequence[Rule], version: str, page: Callable[[str], str]
) -> dict[str, Any]:
    """The log of one run: all *rules*, so that what was looked for is told too, and *findings*.

    *page* gives the page on a finding by its id, in Markdown.
    """
    index = {rule.id: number for number, rule in enumerate(rules)}
    driver = {
        "name": "lamina check",
        "version": version,
        "rules": [
            {
                "id": rule.id,
                "name": "".join(word[0].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", rule.name)),
                "shortDescription": {"text": rule.name},
                "help": {"text": page(rule.id), "markdown": page(rule.id)},
                "defaultConfiguration": {"level": rule.severity.value},
            }
            for rule in rules
        ],
    }
    results = [_result(finding, index[finding.id]) for finding in findings]
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}


def _result(finding: Finding, index: int) -> dict[str, Any]:
    fault = finding.fault
    places = [f"{fault.where}/{path}" if fault.where else path for path in fault.paths] or [fault.where or "."]
    said = "\0".join([finding.id, *places])
    return {
        "ruleId": finding.id,
        "ruleIndex": index,
        "level": finding.severity.value,
        "message": {"text": f"{fault.says}. {fault.mend}"},
        # Viewers take few locations, and the first is the one they show.
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": quote(place)}}} for place in places[:20]],
        "partialFingerprints": {"lamina/v1": hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()},
    }
