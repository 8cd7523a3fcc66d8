"""Preloaded layers: which modules a template of a layer list imports, and which functions may begin from it.

A function that begins there finds modules imported that it would have imported itself, a moment later and in a place of
its own. It must not be able to tell but by the time that takes. So whatever of the function an import could have looked
at decides: files beside its code, variables. Where one matters, its environments begin as they always do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lamina.environments.commands import command
from lamina.environments.spec import ON_DEMAND, EnvironmentSpec
from lamina.environments.variables import Credentials, runtime_variables, variables
from lamina.functions.runtimes import Language
from lamina.names import LATEST, Digest, FunctionArn, Scope

# Functions have at most 10,240 MB; an import that needs more than this is left to them.
TEMPLATE_MB: Final = 3008
# It cannot be handed descriptors.
_TOO_OLD: Final = ("3.8",)
# Says to the runtime's client what to import before it waits.
_MODULES: Final = "_LAMINA_PRELOAD"
# What compiled libraries read as they are loaded, without Python seeing it.
_READ_BY_LIBRARIES: Final = ("OPENBLAS_", "GOTO_", "OMP_", "KMP_", "MKL_", "BLIS_", "NPY_", "NUMEXPR_", "ARROW_")
_NOBODYS: Final = Credentials("", "", "")


@dataclass(frozen=True, slots=True)
class Source:
    """What a template is made from: one account's, in one region, for the functions of a runtime with these layers."""

    scope: Scope
    runtime: str
    architecture: str
    layers: tuple[Digest, ...]

    @classmethod
    def of(cls, spec: EnvironmentSpec) -> Source | None:
        """The source of the template that *spec* could begin from; None where it could from none."""
        language = Language.of(spec.runtime)
        forked = language.family == "python" and language.version not in _TOO_OLD and command(spec).argv == ()
        if not forked or not spec.layers or spec.initialization != ON_DEMAND:
            return None
        return cls(spec.function.scope, spec.runtime, spec.architecture, spec.layers)

    def template(self, storage_mb: int) -> EnvironmentSpec:
        """What the template's own environment is made from. It has no code: a layer stands for that in its name."""
        return EnvironmentSpec(
            function=FunctionArn(self.scope, "preload"),
            version=LATEST,
            runtime=self.runtime,
            handler="",
            role="",
            code=self.layers[0],
            layers=self.layers,
            memory_mb=TEMPLATE_MB,
            storage_mb=storage_mb,
            timeout_s=0,
            architecture=self.architecture,
            variables=(),
            log_group="preload",
            log_format="Text",
            application_log_level=None,
            system_log_level=None,
        )


def layer_folders(runtime: str) -> tuple[str, ...]:
    """Where a layer's modules are, below its root."""
    return f"python/lib/{runtime}/site-packages", "python"


def brought(modules: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    """Those of *modules* that layers bring, whose folders hold the files *names*."""
    there = {_module(name) for name in names}
    return tuple(module for module in modules if module.partition(".")[0] in there)


def template_variables(
    source: Source, modules: Sequence[str], ports: tuple[int, int] | None = None
) -> Mapping[str, str]:
    """The environment variables modules are imported with: what all functions have, and nothing of any of them.

    *ports* are those of the Runtime API and of the endpoint where both are on loopback.
    """
    told = {**runtime_variables(source.runtime), "AWS_REGION": source.scope.region}
    if ports is not None:
        told["AWS_LAMBDA_RUNTIME_API"] = f"127.0.0.1:{ports[0]}"
    return {**told, "AWS_DEFAULT_REGION": source.scope.region, _MODULES: ",".join(modules)}


@dataclass(frozen=True, slots=True)
class Findings:
    """What a template has seen of its imports. The customer's code has had its hands in it: it binds nobody else."""

    names: frozenset[str]  # top-level modules that are imported now, or were looked for in vain
    read: frozenset[str]  # environment variables

    @classmethod
    def of(cls, report: Mapping[str, Any]) -> Findings:
        """Those in a template's *report*. Raises LookupError, TypeError for one that cannot be read."""
        names, read = report["names"], report["read"]
        if not all(isinstance(each, str) for each in (*names, *read)):
            raise TypeError("names are strings")
        return cls(frozenset(names), frozenset(read))

    def prevents(self, spec: EnvironmentSpec, beside: Iterable[str], template: Mapping[str, str]) -> str | None:
        """Why *spec* must not begin from the template; None where nothing speaks against it.

        *beside* are the files in the root of its code, *template* the variables that the modules were imported with.
        """
        beside = list(beside)
        hidden = sorted(self.names.intersection(map(_module, beside)))
        if hidden:
            return f"its code has a module of the same name as the layers' {hidden[0]!r}, or that they look for"
        if any(name.endswith(".pth") for name in beside):
            return "its code has a .pth file"
        own = variables(spec, _NOBODYS, "")
        different = {name for name in {*own, *template} if own.get(name) != template.get(name)}
        read = sorted(self.read & different) or [name for name, _ in spec.variables if _is_libraries(name)]
        return f"the modules read {read[0]} as they are imported" if read else None


def _module(file: str) -> str:
    """The module that a file or a folder of this name would be found as."""
    return file.partition(".")[0]


def _is_libraries(variable: str) -> bool:
    return variable.startswith(_READ_BY_LIBRARIES)
