"""What the invoke path remembers of functions, over any catalog."""

from __future__ import annotations

from dataclasses import replace

from lamina.catalog.lookups import FunctionLookups
from lamina.catalog.port import Catalog

from .examples import HERE, OTHER_ACCOUNT, function


def test_a_function_is_remembered_until_any_function_changes(catalog: Catalog) -> None:
    lookups = FunctionLookups(catalog)
    first = function("f")
    with catalog.writing() as transaction:
        transaction.functions.add(first, {})
    assert lookups.find_nowait(HERE, "f") is None
    assert lookups.find(HERE, "f") == first
    assert lookups.find_nowait(HERE, "f") == first
    assert lookups.find_nowait(HERE, "f", "$LATEST") is None
    changed = replace(first, revision_id="changed")
    with catalog.writing() as transaction:
        transaction.functions.replace(changed)
    assert lookups.find_nowait(HERE, "f") is None
    assert lookups.find(HERE, "f") == changed


def test_what_does_not_exist_is_not_remembered(catalog: Catalog) -> None:
    lookups = FunctionLookups(catalog)
    assert lookups.find(HERE, "f") is None
    with catalog.writing() as transaction:
        transaction.functions.add(function("f"), {})
    assert lookups.find(HERE, "f") == function("f")
    assert lookups.find(OTHER_ACCOUNT, "f") is None


def test_queueing_events_forgets_nothing(catalog: Catalog) -> None:
    lookups = FunctionLookups(catalog)
    with catalog.writing() as transaction:
        transaction.functions.add(function("f"), {})
    lookups.find(HERE, "f")
    with catalog.writing() as transaction:
        transaction.events.remove("nothing")
    assert lookups.find_nowait(HERE, "f") is not None
