"""LAM506: what the function's code imports and nobody brings."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from typing import Final

from lamina.workshop.checks.attached import Attached, Examined
from lamina.workshop.checks.findings import Fault, Rule, Severity, listed
from lamina.workshop.checks.modules import standard_library, visible_roots
from lamina.workshop.packages import modules

_RUNTIMES_OWN: Final = frozenset(
    (
        *("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3", "simplejson"),
        *("awslambdaric", "snapshot_restore_py", "bootstrap", "pip"),
    )
)
# Modules beside a function's that no function runs.
_NOT_RUN: Final = re.compile(r"setup\.py|conftest\.py|noxfile\.py|test_[^/]*\.py|[^/]*_test\.py")


def _nowhere(attached: Attached) -> Iterator[Fault]:
    function, language = attached.function, attached.target.language
    if function is None or (language is not None and attached.target.python is None):
        return
    found = {
        name for examined in attached.all for root in visible_roots(examined, attached.target)
        for name in modules(examined.artifact, root)
    }  # fmt: skip
    known = found | _RUNTIMES_OWN | standard_library(attached.target.python) | set(sys.builtin_module_names)
    for path, names in _imported(function).items():
        missing = sorted(names - known - {name for name in names if name.startswith("_")})
        if missing:
            yield Fault(
                function.name,
                (path,),
                f"{path} imports {listed(missing, 5)}, which neither the code, a layer nor the runtime has",
                "Attach the layer that has it (name it here, too), or install it beside the code.",
            )


def _imported(function: Examined) -> dict[str, set[str]]:
    """What each module imports for certain, beginning with those at the root and going on to what they import."""
    files = {entry.path for entry in function.artifact.files if entry.path not in function.owner}
    waiting = [path for path in sorted(files) if re.fullmatch(r"[^/]+\.py", path) and not _NOT_RUN.fullmatch(path)]
    found: dict[str, set[str]] = {}
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        dotted = _imports(function.artifact.read(path))
        found[path] = {name.partition(".")[0] for name in dotted}
        for name in dotted:
            here = name.replace(".", "/")
            waiting += [file for file in (f"{here}.py", f"{here}/__init__.py") if file in files]
    return found


def _imports(source: bytes) -> set[str]:
    """The modules that are imported whenever the module is: not those in a `try`, an `if` or a function."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        # Of a newer Python than ours, or no Python at all: the runtime will tell.
        return set()
    names = set()
    for statement in body:
        if isinstance(statement, ast.Import):
            names |= {alias.name for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom) and statement.module is not None and statement.level == 0:
            names |= {statement.module, *(f"{statement.module}.{alias.name}" for alias in statement.names)}
    return names


RULES = (Rule("LAM506", Severity.WARNING, "import of what is nowhere", _nowhere),)
