"""What any catalog does with layer versions."""

from __future__ import annotations

from dataclasses import replace
from threading import Thread

import pytest

from lamina.catalog.layers import CompatibleWith
from lamina.catalog.port import Catalog
from lamina.layers.versions import LayerVersion
from lamina.names import LayerArn

from .examples import HERE, OTHER_ACCOUNT, OTHER_REGION, archive, layer_version

ANY = CompatibleWith()
BASE = LayerArn(HERE, "base")


def publish(catalog: Catalog, version: LayerVersion) -> LayerVersion:
    with catalog.writing() as transaction:
        number = transaction.layers.next_number(version.arn.layer)
        numbered = replace(version, arn=version.arn.layer.version(number))
        transaction.layers.add(numbered)
    return numbered


def test_a_layer_version_reads_back_as_it_was_written(catalog: Catalog) -> None:
    bare = publish(catalog, layer_version("base", 1))
    full = publish(
        catalog,
        replace(
            bare,
            archive=archive("other"),
            description="",
            compatible_runtimes=("python3.12", "python3.9"),
            compatible_architectures=("arm64", "x86_64"),
            license_info="MIT",
        ),
    )
    empty = publish(catalog, replace(bare, compatible_runtimes=(), compatible_architectures=()))
    with catalog.reading() as transaction:
        assert [transaction.layers.get(version.arn) for version in (bare, full, empty)] == [bare, full, empty]
        assert transaction.layers.get(BASE.version(4)) is None
        assert transaction.layers.get(BASE.version(10**30)) is None
        assert transaction.layers.get(LayerArn(OTHER_ACCOUNT, "base").version(1)) is None


def test_numbers_never_go_back_even_after_every_version_was_deleted(catalog: Catalog) -> None:
    versions = [publish(catalog, layer_version("base", 1)) for _ in range(2)]
    with catalog.writing() as transaction:
        assert [transaction.layers.delete(version.arn) for version in versions] == versions
        assert transaction.layers.delete(versions[0].arn) is None
    assert publish(catalog, layer_version("base", 1)).arn.number == 3


def test_a_number_of_elsewhere_is_passed_and_never_goes_back(catalog: Catalog) -> None:
    for number in (41, 7, 41):
        with catalog.writing() as transaction:
            transaction.layers.pass_number(BASE, number)
    assert publish(catalog, layer_version("base", 1)).arn.number == 42
    with catalog.writing() as transaction:
        transaction.layers.add(layer_version("base", 7))
    with catalog.reading() as transaction:
        found = transaction.layers.versions(BASE, ANY, below=None, limit=3)
    assert [version.arn.number for version in found] == [42, 7]


def test_each_account_and_region_counts_for_itself(catalog: Catalog) -> None:
    published = [publish(catalog, layer_version("base", 1, scope)) for scope in (HERE, OTHER_ACCOUNT, OTHER_REGION)]
    assert [version.arn.number for version in published] == [1, 1, 1]


def test_a_transaction_that_raises_leaves_nothing_behind(catalog: Catalog) -> None:
    def publish_and_fail() -> None:
        with catalog.writing() as transaction:
            transaction.layers.add(layer_version("base", transaction.layers.next_number(BASE)))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        publish_and_fail()
    assert publish(catalog, layer_version("base", 1)).arn.number == 1


def test_publishers_at_the_same_time_get_consecutive_numbers(catalog: Catalog) -> None:
    numbers: list[int] = []
    threads = [
        Thread(target=lambda: numbers.append(publish(catalog, layer_version("base", 1)).arn.number)) for _ in range(40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 41))


def test_versions_are_listed_newest_first_page_by_page(catalog: Catalog) -> None:
    for _ in range(5):
        publish(catalog, layer_version("base", 1))
    publish(catalog, layer_version("base-2", 1))
    with catalog.reading() as transaction:
        first = transaction.layers.versions(BASE, ANY, below=None, limit=3)
        rest = transaction.layers.versions(BASE, ANY, below=first[-1].arn.number, limit=3)
        nothing = transaction.layers.versions(LayerArn(HERE, "unknown"), ANY, below=None, limit=3)
    assert [version.arn.number for version in (*first, *rest)] == [5, 4, 3, 2, 1]
    assert list(nothing) == []


def test_filters_choose_versions_that_declare_what_is_wanted(catalog: Catalog) -> None:
    base = layer_version("base", 1)
    publish(catalog, replace(base, compatible_runtimes=("python3.9",), compatible_architectures=("x86_64",)))
    publish(catalog, replace(base, compatible_runtimes=("python3.10", "python3.9")))
    publish(catalog, replace(base, compatible_runtimes=("python3.10",), compatible_architectures=("arm64",)))
    publish(catalog, base)
    found = {}
    with catalog.reading() as transaction:
        for wanted in (
            CompatibleWith("python3.9"),
            CompatibleWith("python3.1"),
            CompatibleWith(None, "x86_64"),
            # An underscore is not LIKE's wildcard.
            CompatibleWith(None, "x86-64"),
            CompatibleWith("python3.10", "arm64"),
        ):
            listed = transaction.layers.versions(BASE, wanted, below=None, limit=50)
            found[wanted.runtime, wanted.architecture] = [version.arn.number for version in listed]
    assert found == {
        ("python3.9", None): [2, 1],
        ("python3.1", None): [],
        (None, "x86_64"): [1],
        (None, "x86-64"): [],
        ("python3.10", "arm64"): [3],
    }


def test_layers_are_listed_by_name_with_their_latest_matching_version(catalog: Catalog) -> None:
    for name in ("c", "a", "b"):
        publish(catalog, replace(layer_version(name, 1), compatible_runtimes=("python3.9",)))
        publish(catalog, layer_version(name, 2))
    publish(catalog, layer_version("elsewhere", 1, OTHER_REGION))
    with catalog.writing() as transaction:
        for number in (1, 2):
            transaction.layers.delete(LayerArn(HERE, "b").version(number))
    with catalog.reading() as transaction:
        latest = transaction.layers.latest(HERE, ANY, after=None, limit=10)
        matching = transaction.layers.latest(HERE, CompatibleWith("python3.9"), after=None, limit=1)
        rest = transaction.layers.latest(HERE, CompatibleWith("python3.9"), after="a", limit=10)
    assert [(version.arn.layer.name, version.arn.number) for version in latest] == [("a", 2), ("c", 2)]
    assert [(version.arn.layer.name, version.arn.number) for version in (*matching, *rest)] == [("a", 1), ("c", 1)]
