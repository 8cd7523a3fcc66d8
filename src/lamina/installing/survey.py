"""What `lamina runtimes` tells: for each runtime whether it runs here, and if not, how it would."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["ready", "installable", "missing", "refused"]


@dataclass(frozen=True, slots=True)
class Found:
    """A runtime that this machine has: the release of its language, and where it is, for people."""

    release: str
    where: str


@dataclass(frozen=True, slots=True)
class Row:
    """One runtime. *says* is where it was found, or how to get it, or why it cannot be had.

    "installable" can be fetched by `lamina runtimes install`, "missing" is got in another way, "refused" not at all.
    `installed` says whether something of it was installed so.
    """

    runtime: str
    state: State
    release: str
    says: str
    installed: bool


def survey(
    runtimes: Iterable[str],
    found: Callable[[str], Found | None],
    recipes: Mapping[str, Any],
    manifests: Mapping[str, Any],
    advice: Callable[[str], str],
    refused: Callable[[str], bool],
) -> list[Row]:
    """A row for each of *runtimes*, which is in the order that they are shown in."""
    rows = []
    for runtime in runtimes:
        installed = runtime in manifests
        here = found(runtime)
        if here is not None:
            rows.append(Row(runtime, "ready", here.release, here.where, installed))
        elif runtime in recipes:
            lacking = " (there is no interpreter for what is installed)" if installed else ""
            rows.append(Row(runtime, "installable", "", f"lamina runtimes install {runtime}{lacking}", installed))
        else:
            state: State = "refused" if refused(runtime) else "missing"
            rows.append(Row(runtime, state, "", advice(runtime), installed))
    return rows


def meant(given: str, runtimes: Iterable[str]) -> list[str]:
    """The ids that somebody who typed *given* may have meant, likeliest first: "node22" is nodejs22.x."""
    known = list(runtimes)
    plain = given.lower().replace("node", "nodejs").replace("jsjs", "js").replace("-", "").replace("@", "")
    beginning = [name for name in known if name.startswith(plain)]
    return beginning or difflib.get_close_matches(given, known, 3)
