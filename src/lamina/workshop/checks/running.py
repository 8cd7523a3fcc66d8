"""All rules over all that is attached."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lamina.workshop.checks import archives, binaries, imports, layout, limits, modules, safety, together
from lamina.workshop.checks.attached import Attached, Target
from lamina.workshop.checks.findings import Fault, Finding, Rule, ordered

RULES: tuple[Rule, ...] = (
    *archives.RULES,
    *layout.RULES,
    *limits.RULES,
    *modules.RULES,
    *binaries.RULES,
    *together.RULES,
    *imports.RULES,
    *safety.RULES,
)
_BY_ID = {rule.id: rule for rule in RULES}


def check(attached: Attached, targets: Sequence[Target], ignored: Collection[str] = ()) -> list[Finding]:
    """What is wrong with *attached* on any of *targets*, worst first, each fault once.

    The rules whose ids are *ignored* are not looked for.
    """
    found: dict[tuple[str, str | None, tuple[str, ...]], Finding] = {}
    for target in targets:
        for rule in RULES:
            if rule.id not in ignored and rule.look is not None:
                for fault in rule.look(attached.on(target)):
                    found.setdefault((rule.id, fault.where, fault.paths or (fault.says,)), finding(rule.id, fault))
    return ordered(found.values())


def finding(rule_id: str, fault: Fault) -> Finding:
    """*fault*, found by the rule *rule_id*."""
    rule = _BY_ID[rule_id]
    return Finding(rule.id, rule.severity, rule.name, fault)
