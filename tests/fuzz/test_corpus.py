"""What fuzzing has found worth keeping is still taken, and so is what is much like it.

A campaign is a command, `python -m fuzz`; this is its short form.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path
from random import Random

import pytest

from fuzz import corpus
from fuzz.__main__ import TARGETS
from fuzz.mutating import mutated

_BLINDLY = 3000


def _inputs(name: str) -> list[bytes]:
    seeds: list[bytes] = importlib.import_module(f"fuzz.{name}").seeds()
    return [*seeds, *corpus.kept(name)]


def _check_all(name: str, inputs: Iterable[bytes]) -> None:
    target = importlib.import_module(f"fuzz.{name}")
    for data in inputs:
        try:
            target.check(data)
        except Exception as error:
            error.add_note(f"the input was {data!r}")
            raise


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_its_corpus_and_what_is_like_it(name: str) -> None:
    inputs = _inputs(name)
    chance = Random(name)  # the same in each run: what fails must fail again
    _check_all(name, [*inputs, *(mutated(chance, inputs) for _ in range(_BLINDLY))])


def test_what_a_campaign_adds_takes_nothing_from_what_was_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "_FOLDER", tmp_path)
    (tmp_path / "heads.txt").write_text("")
    corpus.keep("heads", [b"longer", b"old"])
    corpus.keep("heads", [b"new", b"old"])
    assert corpus.kept("heads") == [b"new", b"old", b"longer"]


@pytest.mark.parametrize(
    ("name", "what", "broken"),
    [
        ("archives", "lamina.layers.archive.inspection.check_target", lambda *_: None),
        ("archives", "lamina.layers.archive.inflate._check", lambda *_: None),
        ("bodies", "lamina.wire.long_strings.check", lambda *_: None),
        ("heads", "lamina.gateway.reading._append", lambda pieces, body: pieces.insert(0, body)),
        ("operations", "lamina.wire.api.Api.parse", lambda *_: int("no")),
    ],
)
def test_a_target_sees_what_is_wrong(name: str, what: str, broken: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(what, broken)
    inputs = _inputs(name)
    with pytest.raises((AssertionError, ValueError)):
        _check_all(name, inputs)
