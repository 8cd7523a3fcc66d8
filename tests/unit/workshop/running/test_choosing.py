"""Which runtime is taken for a handler."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lamina.workshop.running.choosing import runtime_for, runtime_of_layers

READY = ("python3.13", "python3.9", "python3.8", "nodejs20.x", "ruby3.3", "provided.al2", "provided.al2023")


@pytest.mark.parametrize(
    ("handler", "files", "runtime"),
    [
        ("app.handler", ["app.py", "other.js"], "python3.13"),
        ("src/app.handler", ["src/app.py"], "python3.13"),
        ("src.app.handler", ["src/app.py"], "python3.13"),
        ("app.handler", ["app/__init__.py"], "python3.13"),
        ("index.handler", ["index.mjs"], "nodejs20.x"),
        ("app.main", ["app.rb"], "ruby3.3"),
        ("anything", ["bootstrap"], "provided.al2023"),
        ("app.handler", ["src/app.py"], None),
        ("handler", ["app.py"], None),
    ],
)
def test_the_newest_that_has_the_handlers_language_is_taken(
    handler: str, files: Sequence[str], runtime: str | None
) -> None:
    assert runtime_for(handler, iter(files), READY) == runtime


def test_what_a_layer_was_published_for_narrows_the_choice() -> None:
    declared = [None, ["python3.8", "python3.9", "nodejs20.x"], ()]
    assert runtime_for("app.handler", ["app.py"], READY, declared) == "python3.9"
    assert runtime_for("app.handler", ["app.py"], READY, [*declared, ["python3.13"]]) is None


@pytest.mark.parametrize(
    ("paths", "runtime"),
    [
        (["nodejs/node_modules/a/index.js"], "nodejs20.x"),
        (["nodejs/x", "python/y.py"], "python3.13"),
        (["bin/tool"], "python3.13"),
        (["java/lib/a.jar"], None),
    ],
)
def test_without_a_handler_the_layers_folders_tell(paths: Sequence[str], runtime: str | None) -> None:
    assert runtime_of_layers(iter(paths), READY) == runtime
