"""What somebody may sit at in an environment: a shell, or the runtime's own language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lamina.functions.runtimes import Language
from lamina.workshop.errors import WorkshopError

# Bash where the machine has it, as people are used to. The prompt is set here: not every sh hands on one it is given.
_SHELL: Final = r"""
export PS1='lamina:\w\$ '
if [ -x /bin/bash ]; then exec /bin/bash --norc; fi
exec /bin/sh
"""
SHELL: Final = ("/bin/sh", "-c", _SHELL)
_LANG: Final = "/var/lang/bin"


def command(text: str) -> tuple[str, ...]:
    """What runs *text* as a shell does."""
    return "/bin/sh", "-c", text


def repl(runtime: str) -> tuple[str, ...]:
    """The interactive interpreter of *runtime*. Raises WorkshopError where it has none."""
    language = Language.of(runtime)
    programs = {
        "python": (f"{_LANG}/{runtime}", "-q"),
        "nodejs": (f"{_LANG}/node", "-i"),
        "java": (f"{_LANG}/jshell",),
        "ruby": (f"{_LANG}/irb",),
    }
    if language.family not in programs:
        raise WorkshopError(f"{runtime} has no interpreter", "Leave --repl away for a shell.")
    return programs[language.family]


def variables(runtime: str, terminal: str | None) -> Mapping[str, str]:
    """What a program that somebody sits at needs beside the function's own variables; *terminal* is the user's TERM.

    Python's runtime tells its interpreter itself where layers lie, so another one has to be told.
    """
    told = {"TERM": terminal or "dumb", "HOME": "/tmp"}
    language = Language.of(runtime)
    if language.family == "python":
        packages = f"/opt/python/lib/python{language.version}/site-packages"
        told["PYTHONPATH"] = f"/var/task:{packages}:/opt/python:/var/runtime"
    return told
