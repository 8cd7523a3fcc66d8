"""LAM11x: things put where no runtime looks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from lamina.workshop.artifacts import Entry, Kind
from lamina.workshop.checks.attached import Attached, Examined, Target
from lamina.workshop.checks.findings import Fault, Rule, Severity, listed

# Folders of /opt that a runtime, the loader, a shell or Lambda itself looks into.
_LOOKED_AT: Final = frozenset(("python", "nodejs", "java", "ruby", "bin", "lib", "extensions", "dotnet", "dotnetcore"))
_LANGUAGES: Final = {"python": "python", "nodejs": "nodejs", "java": "java", "ruby": "ruby"}
# Where a mistake puts it; deeper down it is some program's own.
_SITE: Final = re.compile(r"((?:(?:python|lib|lib64|\.?v?env)/(?:[^/]+/){0,3})?(?:site|dist)-packages)(?:/.*)?")
_RIGHT_SITE: Final = re.compile(r"python/lib/python(3\.\d+)/site-packages")
_STRAY_JAR: Final = re.compile(r"(?:(?:java|lib|jars?|libs)/)?[^/]+\.jar")
_STRAY_NODE: Final = re.compile(r"(?:nodejs/)?((?:@[^/]+/)?[^/]+)/package\.json")
_NODE_MODULES: Final = re.compile(r"(nodejs/(?:node(\d+)/)?node_modules)(?:/.*)?")
_GEMS: Final = re.compile(r"(ruby/gems/(\d+\.\d+)\.\d+)(?:/.*)?")


def _top(examined: Examined) -> dict[str, Entry]:
    return {entry.path: entry for entry in examined.artifact.entries if "/" not in entry.path}


def _layers(attached: Attached) -> Iterator[Examined]:
    """Those with something in them; a function's code has no layout to keep."""
    return (layer for layer in attached.layers if layer.artifact.entries)


def _has_a_place(examined: Examined) -> bool:
    top = _top(examined)
    # A runtime of one's own may come as a layer: its bootstrap stands at the root.
    return "bootstrap" in top or any(name in _LOOKED_AT and entry.kind is not Kind.FILE for name, entry in top.items())


def _wrapping(examined: Examined) -> str | None:
    """The folder around everything, when what it has would be right one level higher."""
    if _has_a_place(examined):
        return None
    folders = {entry.path for entry in examined.artifact.entries if entry.kind is Kind.FOLDER}
    inner = sorted(path for path in folders if path.count("/") == 1 and path.rpartition("/")[2] in _LOOKED_AT)
    # A package may have a folder lib/ or bin/ of its own, and so has a virtual environment.
    files = {entry.path for entry in examined.artifact.files}
    own = {path.partition("/")[0] for path in files if path.endswith("/__init__.py") and path.count("/") == 1}
    own |= {"node_modules"} | {path.partition("/")[0] for path in folders if _SITE.fullmatch(path)}
    return next((name for path in inner if (name := path.partition("/")[0]) not in own), None)


def _python_at_root(examined: Examined) -> tuple[str, ...]:
    files = {entry.path for entry in examined.artifact.files}
    found = []
    for name, entry in _top(examined).items():
        # One with backslashes is meant to lie elsewhere.
        if "\\" in name:
            continue
        is_package = entry.kind is Kind.FOLDER and f"{name}/__init__.py" in files
        is_record = entry.kind is Kind.FOLDER and name.endswith((".dist-info", ".egg-info"))
        if is_package or is_record or (entry.kind is Kind.FILE and name.endswith((".py", ".whl"))):
            found.append(name)
    return tuple(found)


def _nowhere(attached: Attached) -> Iterator[Fault]:
    for layer in _layers(attached):
        explained = (
            _has_a_place(layer) or _wrapping(layer) or _python_at_root(layer) or _site(layer, attached.target)
            or _stray_node(layer) or _stray_jars(layer)
        )  # fmt: skip
        if not explained:
            names = sorted(_top(layer))
            yield Fault(
                layer.name,
                tuple(names),
                f"no runtime looks at any of it: {listed(names)}",
                "Put modules into python/ or nodejs/node_modules/, jars into java/lib/, programs into bin/, shared "
                "libraries into lib/.",
            )


def _modules_at_root(attached: Attached) -> Iterator[Fault]:
    for layer in _layers(attached):
        if _site(layer, attached.target):
            continue
        found = _python_at_root(layer)
        if found and _wrapping(layer) is None:
            yield Fault(
                layer.name,
                found,
                f"Python does not look at the root of a layer, and has to for {listed(found)}",
                "Put everything into a folder python/ and zip that: pip install -t python …; zip -r layer.zip python",
            )


def _one_folder_too_deep(attached: Attached) -> Iterator[Fault]:
    for layer in _layers(attached):
        folder = _wrapping(layer)
        if folder is not None:
            yield Fault(
                layer.name,
                (folder,),
                f"everything lies one folder too deep, in {folder}/",
                f"Zip what is in the folder, not the folder: cd {folder} && zip -r ../layer.zip .",
            )


def _site(layer: Examined, target: Target) -> tuple[str, ...]:
    """The site-packages folders, when the Python meant looks into none of them."""
    found = {site[1] for entry in layer.artifact.entries if (site := _SITE.fullmatch(entry.path))}
    outermost = sorted(path for path in found if not any(path.startswith(f"{other}/") for other in found))
    right = [site[1] for path in outermost if (site := _RIGHT_SITE.fullmatch(path))]
    wanted = None if target.python is None else ".".join(map(str, target.python))
    return () if (right if wanted is None else wanted in right) else tuple(outermost)


def _wrong_site(attached: Attached) -> Iterator[Fault]:
    for layer in _layers(attached):
        found = _site(layer, attached.target)
        if not found or (attached.target.language is not None and attached.target.python is None):
            continue
        wanted = ".".join(map(str, attached.target.python or ())) or "3.N"
        yield Fault(
            layer.name,
            found,
            f"python{wanted} does not look into {listed(found)}",
            f"Put it into python/lib/python{wanted}/site-packages/, made with that Python, or into python/.",
        )


def _stray_node(layer: Examined) -> tuple[str, ...]:
    paths = [entry.path for entry in layer.artifact.entries]
    if any(path.startswith("node_modules/") for path in paths):
        return ("node_modules",)
    if any(_NODE_MODULES.fullmatch(path) for path in paths):
        return ()
    return tuple(
        path.rpartition("/")[0] for path in paths if _STRAY_NODE.fullmatch(path) and path != "nodejs/package.json"
    )


def _node_modules(attached: Attached) -> Iterator[Fault]:
    for layer in _layers(attached):
        found = _stray_node(layer)
        if found:
            yield Fault(
                layer.name,
                found,
                f"Node.js looks into nodejs/node_modules/, and {listed(found)} is not there",
                "Install below a folder nodejs/ and zip that: npm install --prefix nodejs …; zip -r layer.zip nodejs",
            )


def _other_node(attached: Attached) -> Iterator[Fault]:
    language = attached.target.language
    if language is None or language.family != "nodejs":
        return
    for layer in _layers(attached):
        found = {
            place[1]: place[2] for entry in layer.artifact.entries if (place := _NODE_MODULES.fullmatch(entry.path))
        }
        if found and not {None, language.version} & set(found.values()):
            yield Fault(
                layer.name,
                tuple(found),
                f"nodejs{language.version}.x does not look into {listed(found)}",
                f"Put it into nodejs/node_modules/, for every Node.js, or nodejs/node{language.version}/node_modules/.",
            )


def _other_language(attached: Attached) -> Iterator[Fault]:
    language = attached.target.language
    if language is None or language.family not in _LANGUAGES:
        return
    own = _LANGUAGES[language.family]
    for layer in _layers(attached):
        top = {name for name, entry in _top(layer).items() if entry.kind is not Kind.FILE}
        others = top & set(_LANGUAGES.values()) - {own}
        if others and not top & {own, "bin", "lib", "extensions"}:
            yield Fault(
                layer.name,
                tuple(sorted(others)),
                f"{attached.target.runtime} looks into {own}/, and there is only {listed(sorted(others))}/",
                "Attach it to a function of its language, or say which: --runtime.",
            )


def _stray_jars(layer: Examined) -> tuple[str, ...]:
    return tuple(entry.path for entry in layer.artifact.files if _STRAY_JAR.fullmatch(entry.path))


def _jars(attached: Attached) -> Iterator[Fault]:
    for layer in _layers(attached):
        found = _stray_jars(layer)
        if found:
            yield Fault(
                layer.name,
                found,
                f"Java looks into java/lib/, and {listed(found)} is not there",
                "Put the jars into java/lib/: mvn dependency:copy-dependencies -DoutputDirectory=java/lib",
            )


def _other_ruby(attached: Attached) -> Iterator[Fault]:
    language = attached.target.language
    if language is None or language.family != "ruby":
        return
    for layer in _layers(attached):
        found = {gems[1]: gems[2] for entry in layer.artifact.entries if (gems := _GEMS.fullmatch(entry.path))}
        if found and language.version not in found.values():
            yield Fault(
                layer.name,
                tuple(found),
                f"ruby{language.version} looks into ruby/gems/{language.version}.0, and there is only {listed(found)}",
                f"Install the gems with Ruby {language.version}.",
            )


RULES = (
    Rule("LAM110", Severity.WARNING, "nothing where a runtime looks", _nowhere),
    Rule("LAM111", Severity.ERROR, "Python modules at the root", _modules_at_root),
    Rule("LAM112", Severity.ERROR, "everything one folder too deep", _one_folder_too_deep),
    Rule("LAM113", Severity.ERROR, "site-packages of another Python", _wrong_site),
    Rule("LAM114", Severity.ERROR, "Node.js packages outside nodejs/node_modules", _node_modules),
    Rule("LAM115", Severity.WARNING, "layer of another language", _other_language),
    Rule("LAM116", Severity.ERROR, "node_modules of another Node.js", _other_node),
    Rule("LAM117", Severity.ERROR, "jars outside java/lib", _jars),
    Rule("LAM118", Severity.ERROR, "gems of another Ruby", _other_ruby),
)
