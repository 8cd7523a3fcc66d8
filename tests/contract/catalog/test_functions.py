"""What any catalog does with functions and the layers they use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lamina.catalog.port import Catalog
from lamina.functions.versions import SETTLED, FunctionVersion
from lamina.names import FunctionArn

from .examples import HERE, OTHER_ACCOUNT, archive, function, layer_version, pending

BASE, PATCH = layer_version("base", 1), layer_version("patch", 7)


def add(catalog: Catalog, *versions: FunctionVersion) -> None:
    with catalog.writing() as transaction:
        for version in versions:
            if version.is_latest:
                transaction.functions.add(version, {})
            else:
                transaction.functions.publish(version)


def find(catalog: Catalog, name: str, qualifier: str | None = None) -> FunctionVersion | None:
    with catalog.reading() as transaction:
        return transaction.functions.find(HERE, name, qualifier)


def named(versions: Sequence[FunctionVersion]) -> list[tuple[str, str]]:
    return [(version.arn.name, version.version) for version in versions]


def test_a_function_reads_back_as_it_was_written_its_layers_in_order(catalog: Catalog) -> None:
    latest = function("f", PATCH, BASE)
    bare = function("g")
    bare = replace(bare, configuration=replace(bare.configuration, environment=None))
    add(catalog, latest, bare)
    assert (find(catalog, "f"), find(catalog, "f", "$LATEST"), find(catalog, "g")) == (latest, latest, bare)


def test_each_version_in_a_list_has_its_own_layers_and_no_others(catalog: Catalog) -> None:
    """The page holds one version of each; what other versions of the same functions use stays out of it."""
    of_f = [function("f", BASE), replace(function("f", PATCH, BASE), version="1"), replace(function("f"), version="2")]
    of_g = [function("g"), replace(function("g", PATCH), version="1")]
    add(catalog, *of_f, *of_g)
    with catalog.reading() as transaction:
        assert transaction.functions.latest(HERE, after=None, limit=9) == [of_f[0], of_g[0]]
        assert transaction.functions.all(HERE, after=("f", 0), limit=3) == [of_f[1], of_f[2], of_g[0]]
        assert transaction.functions.versions(of_f[0].arn, after=None, limit=9) == of_f


def test_a_version_is_found_by_its_number_only(catalog: Catalog) -> None:
    one = replace(function("f", BASE), version="1", revision_id="one")
    add(catalog, function("f"), one)
    assert find(catalog, "f", "1") == one
    for nothing in ("2", "0", "01", "live", "$latest", "\u0661", "9" * 128):
        assert find(catalog, "f", nothing) is None
    assert find(catalog, "g") is None
    with catalog.reading() as transaction:
        assert transaction.functions.find(OTHER_ACCOUNT, "f") is None


def test_replacing_a_version_replaces_its_layers_and_touches_no_other(catalog: Catalog) -> None:
    one = replace(function("f", BASE), version="1")
    add(catalog, function("f", BASE, PATCH), one)
    changed = replace(function("f", PATCH), revision_id="changed", code=archive("new code"))
    with catalog.writing() as transaction:
        transaction.functions.replace(changed)
    assert (find(catalog, "f"), find(catalog, "f", "1")) == (changed, one)


def test_a_deleted_function_takes_its_versions_along_but_not_its_counter(catalog: Catalog) -> None:
    versions = [function("f", BASE), replace(function("f", PATCH), version="1")]
    arn = FunctionArn(HERE, "f")
    with catalog.writing() as transaction:
        transaction.functions.add(versions[0], {"team": "a"})
        assert transaction.functions.next_number(arn) == 1
        transaction.functions.publish(versions[1])
    with catalog.writing() as transaction:
        assert transaction.functions.delete(HERE, "f") == versions
        assert transaction.functions.delete(HERE, "f") == []
        assert transaction.functions.consumers(BASE.arn) == []
        assert transaction.functions.tags(HERE, "f") == {}
        assert transaction.functions.next_number(arn) == 2


def test_a_published_version_can_be_deleted_alone(catalog: Catalog) -> None:
    latest, one = function("f"), replace(function("f", BASE), version="1")
    add(catalog, latest, one)
    with catalog.writing() as transaction:
        assert transaction.functions.delete_version(HERE, "f", 1) == one
        assert transaction.functions.delete_version(HERE, "f", 1) is None
    assert (find(catalog, "f"), find(catalog, "f", "1")) == (latest, None)


def test_functions_are_listed_by_name_page_by_page(catalog: Catalog) -> None:
    add(catalog, function("b", BASE), function("a", PATCH), function("c"), function("a", scope=OTHER_ACCOUNT))
    add(catalog, replace(function("a"), version="1"), replace(function("a"), version="10"))
    with catalog.reading() as transaction:
        latest = transaction.functions.latest(HERE, after=None, limit=2)
        rest = transaction.functions.latest(HERE, after="b", limit=2)
        every = transaction.functions.all(HERE, after=None, limit=2)
        every_rest = transaction.functions.all(HERE, after=("a", 1), limit=10)
    assert named([*latest, *rest]) == [("a", "$LATEST"), ("b", "$LATEST"), ("c", "$LATEST")]
    assert latest[0].configuration.layers == function("a", PATCH).configuration.layers
    assert named(every) == [("a", "$LATEST"), ("a", "1")]
    assert named(every_rest) == [("a", "10"), ("b", "$LATEST"), ("c", "$LATEST")]


def test_what_is_still_being_activated_is_found_in_every_account(catalog: Catalog) -> None:
    waiting = [pending(function("f")), pending(function("f", scope=OTHER_ACCOUNT))]
    add(catalog, *waiting, function("done"))
    with catalog.writing() as transaction:
        assert list(transaction.functions.unsettled()) == waiting
        transaction.functions.replace(replace(waiting[0], status=SETTLED))
        assert list(transaction.functions.unsettled()) == waiting[1:]


def test_the_consumers_of_a_layer_version_are_exactly_those_that_list_it(catalog: Catalog) -> None:
    newer = layer_version("base", 2)
    add(catalog, function("f", PATCH, BASE), function("g", newer), function("h"))
    add(catalog, replace(function("f", BASE), version="1"))
    f = FunctionArn(HERE, "f")
    with catalog.reading() as transaction:
        assert list(transaction.functions.consumers(BASE.arn)) == [f.qualified("$LATEST"), f.qualified("1")]
        assert list(transaction.functions.consumers(layer_version("base", 3).arn)) == []


def test_tags_are_the_functions_own(catalog: Catalog) -> None:
    with catalog.writing() as transaction:
        transaction.functions.add(function("f"), {"team": "a", "stage": "test"})
        transaction.functions.add(function("g"), {})
        assert transaction.functions.tags(HERE, "f") == {"team": "a", "stage": "test"}
        assert transaction.functions.tags(HERE, "g") == {}
