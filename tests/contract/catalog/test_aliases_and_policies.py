"""Aliases, and resource policies of functions and layer versions."""

from __future__ import annotations

from dataclasses import replace

from lamina.catalog.port import Catalog
from lamina.functions.aliases import Alias
from lamina.layers.policies import Policy, Statement
from lamina.names import FunctionArn

from .examples import HERE, OTHER_ACCOUNT, function, layer_version

F = FunctionArn(HERE, "f")
LIVE = Alias(F.qualified("live"), "1", "what runs", "revision", ("2", 0.25))
BETA = Alias(F.qualified("beta"), "$LATEST", "", "revision")
POLICY = Policy((Statement("z", '{"Sid":"z","b":1,"a":2}'), Statement("a", '{"Sid":"a"}')), "revision")


def with_versions(catalog: Catalog, *numbers: int) -> None:
    with catalog.writing() as transaction:
        transaction.functions.add(function("f"), {})
        for number in numbers:
            transaction.functions.publish(replace(function("f"), version=str(number), published_from="before"))


def test_an_alias_is_kept_changed_and_deleted(catalog: Catalog) -> None:
    with_versions(catalog, 1, 2)
    with catalog.writing() as transaction:
        transaction.aliases.add(LIVE)
        assert transaction.aliases.find(LIVE.arn) == LIVE
        moved = replace(LIVE, version="2", additional=None)
        transaction.aliases.replace(moved)
        assert transaction.aliases.find(LIVE.arn) == moved
        assert transaction.aliases.delete(LIVE.arn) == moved
        assert transaction.aliases.delete(LIVE.arn) is None
        assert transaction.aliases.find(LIVE.arn) is None


def test_a_function_is_found_by_its_alias(catalog: Catalog) -> None:
    with_versions(catalog, 1, 2)
    with catalog.writing() as transaction:
        transaction.aliases.add(LIVE)
        found = transaction.functions.find(HERE, "f", "live")
        assert found is not None
        assert found.version == "1"
        assert transaction.functions.find(HERE, "f", "beta") is None
        assert transaction.functions.find(OTHER_ACCOUNT, "f", "live") is None


def test_aliases_are_listed_by_name_and_by_the_version_they_lead_to(catalog: Catalog) -> None:
    with_versions(catalog, 1, 2)
    with catalog.writing() as transaction:
        transaction.aliases.add(LIVE)
        transaction.aliases.add(BETA)
        aliases = transaction.aliases
        assert aliases.of_function(F, limit=9) == [BETA, LIVE]
        assert aliases.of_function(F, limit=1) == [BETA]
        assert aliases.of_function(F, after="beta", limit=9) == [LIVE]
        assert aliases.of_function(F, version="1", limit=9) == [LIVE]
        assert aliases.of_function(F, version="2", limit=9) == []
        assert [aliases.leading_to(F.qualified(version)) for version in ("1", "2", "3")] == [[LIVE], [LIVE], []]


def test_aliases_and_policies_go_with_their_function(catalog: Catalog) -> None:
    with_versions(catalog, 1, 2)
    with catalog.writing() as transaction:
        transaction.aliases.add(LIVE)
        transaction.policies.set_function(F, POLICY)
        transaction.functions.delete(HERE, "f")
        assert transaction.aliases.find(LIVE.arn) is None
        assert transaction.policies.of_function(F) is None


def test_each_qualifier_has_a_policy_of_its_own(catalog: Catalog) -> None:
    with_versions(catalog, 1)
    with catalog.writing() as transaction:
        transaction.policies.set_function(F, POLICY)
        other = replace(POLICY, revision_id="other")
        transaction.policies.set_function(F.qualified("1"), other)
        assert transaction.policies.of_function(F) == POLICY
        assert transaction.policies.of_function(F.qualified("1")) == other
        assert transaction.policies.of_function(F.qualified("2")) is None
        transaction.policies.set_function(F, None)
        assert transaction.policies.of_function(F) is None
        assert transaction.policies.of_function(F.qualified("1")) == other


def test_the_policy_of_a_layer_version_goes_with_it(catalog: Catalog) -> None:
    base = layer_version("base", 1)
    with catalog.writing() as transaction:
        transaction.layers.next_number(base.arn.layer)
        transaction.layers.add(base)
        transaction.policies.set_layer(base.arn, POLICY)
        assert transaction.policies.of_layer(base.arn) == POLICY
        transaction.layers.delete(base.arn)
        assert transaction.policies.of_layer(base.arn) is None
        assert transaction.policies.of_layer(base.arn.layer.version(2**70)) is None


def test_versions_of_one_function_and_the_last_of_them(catalog: Catalog) -> None:
    with_versions(catalog)
    with catalog.writing() as transaction:
        assert transaction.functions.published_last(F) is None
    with catalog.writing() as transaction:
        transaction.functions.add(function("f2"), {})
        versions = [replace(function("f"), version=str(number), published_from="before") for number in (1, 2, 10)]
        for version in versions:
            transaction.functions.publish(version)
        functions = transaction.functions
        assert [each.version for each in functions.versions(F, after=None, limit=9)] == ["$LATEST", "1", "2", "10"]
        assert [each.version for each in functions.versions(F, after=1, limit=1)] == ["2"]
        assert functions.published_last(F) == versions[-1]


def test_tags_are_replaced(catalog: Catalog) -> None:
    with catalog.writing() as transaction:
        transaction.functions.add(function("f"), {"a": "1"})
        transaction.functions.set_tags(HERE, "f", {"b": "2"})
        assert transaction.functions.tags(HERE, "f") == {"b": "2"}


def test_a_change_of_an_alias_counts_as_one_of_functions(catalog: Catalog) -> None:
    with_versions(catalog, 1, 2)
    before = catalog.function_changes
    with catalog.writing() as transaction:
        transaction.aliases.add(LIVE)
    assert catalog.function_changes > before


def test_who_watches_is_told_of_changes_of_functions_alone_and_until_he_ends_it(catalog: Catalog) -> None:
    told: list[int] = []
    end = catalog.watch_functions(lambda: told.append(catalog.function_changes))
    with_versions(catalog, 1, 2)
    before = list(told)
    with catalog.writing() as transaction:
        transaction.secrets.obtain("s")
    assert told == before != []
    end()
    with catalog.writing() as transaction:
        transaction.aliases.add(LIVE)
    assert told == before
