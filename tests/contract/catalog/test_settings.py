"""What any catalog does with settings of functions, code signing configurations, mappings and totals."""

from __future__ import annotations

from dataclasses import replace

from lamina.catalog.port import Catalog
from lamina.catalog.settings import CodeSigning, Kind, Mapped, Setting
from lamina.catalog.storage import Totals
from lamina.functions.elsewhere import FileSystem, Image, Vpc

from .examples import HERE, OTHER_REGION, archive, function, layer_version


def test_a_setting_belongs_to_its_very_qualifier_and_goes_with_the_function(catalog: Catalog) -> None:
    whole = function("f").arn
    of_function = Setting(Kind.URL, whole, {"auth": "NONE"}, "one")
    of_alias = Setting(Kind.URL, whole.qualified("live"), {"auth": "AWS_IAM"}, "other")
    with catalog.writing() as transaction:
        transaction.functions.add(function("f"), {})
        settings = transaction.settings
        assert settings.get(Kind.URL, whole) is None
        settings.put(replace(of_function, document={"auth": "AWS_IAM"}))
        settings.put(of_function)
        settings.put(of_alias)
        assert settings.get(Kind.URL, whole) == of_function
        assert settings.get(Kind.RECURSION, whole) is None
        assert settings.of_function(Kind.URL, whole) == [of_function, of_alias]
        assert settings.of_function(Kind.URL, whole, after="", limit=1) == [of_alias]
        assert settings.of_scope(Kind.URL, HERE) == [of_function, of_alias]
        assert settings.of_scope(Kind.URL, OTHER_REGION) == []
        assert settings.naming(Kind.URL, "other") == [of_alias]
        settings.forget(of_alias.function)
        assert settings.everywhere(Kind.URL) == [of_function]
        assert settings.delete(Kind.URL, of_alias.function) is None
        settings.put(of_alias)
        transaction.functions.delete(HERE, "f")
        assert settings.everywhere(Kind.URL) == []


def test_code_signing_configurations_are_listed_by_identifier(catalog: Catalog) -> None:
    one, other = CodeSigning(HERE, "csc-1", {"Description": "a"}), CodeSigning(HERE, "csc-2", {})
    with catalog.writing() as transaction:
        transaction.code_signings.put(other)
        transaction.code_signings.put(replace(one, document={}))
        transaction.code_signings.put(one)
        assert transaction.code_signings.get(HERE, "csc-1") == one
        assert transaction.code_signings.get(OTHER_REGION, "csc-1") is None
        assert transaction.code_signings.all(HERE, after=None, limit=10) == [one, other]
        assert transaction.code_signings.all(HERE, after="csc-1", limit=10) == [other]
        transaction.code_signings.delete(HERE, "csc-1")
        assert transaction.code_signings.get(HERE, "csc-1") is None


def test_mappings_are_found_by_function_and_by_source(catalog: Catalog) -> None:
    one, other = Mapped(HERE, "1", "f", "arn:q", {"BatchSize": 1}), Mapped(HERE, "2", "g", None, {})
    with catalog.writing() as transaction:
        transaction.mappings.put(one)
        transaction.mappings.put(other)
        assert transaction.mappings.get(HERE, "1") == one
        assert transaction.mappings.all(HERE, None, None, after=None, limit=10) == [one, other]
        assert transaction.mappings.all(HERE, None, None, after="1", limit=10) == [other]
        assert transaction.mappings.all(HERE, "f", "arn:q", after=None, limit=10) == [one]
        assert transaction.mappings.all(HERE, "g", "arn:q", after=None, limit=10) == []
        transaction.mappings.put(replace(one, function="g"))
        assert len(transaction.mappings.all(HERE, "g", None, after=None, limit=10)) == 2
        transaction.mappings.delete(HERE, "1")
        assert transaction.mappings.get(HERE, "1") is None


def test_18_totals_count_every_stored_copy_and_what_is_deleted_no_more(catalog: Catalog) -> None:
    latest, layer = function("f"), layer_version("base", 1)
    size = latest.code.zipped_bytes
    with catalog.writing() as transaction:
        assert transaction.totals.of(HERE) == Totals()
        transaction.functions.add(latest, {})
        transaction.functions.publish(replace(latest, version="1"))
        assert transaction.totals.of(HERE) == Totals(1, 2 * size)
        transaction.functions.replace(replace(latest, code=archive("longer code than before")))
        assert transaction.totals.of(HERE) == Totals(1, size + len("longer code than before"))
        transaction.functions.replace(latest)
        transaction.layers.next_number(layer.arn.layer)
        transaction.layers.add(layer)
        assert transaction.totals.of(HERE) == Totals(1, 2 * size + layer.archive.zipped_bytes)
        assert transaction.totals.of(OTHER_REGION) == Totals()
        transaction.layers.delete(layer.arn)
        transaction.functions.delete_version(HERE, "f", 1)
        assert transaction.totals.of(HERE) == Totals(1, size)
        transaction.functions.delete(HERE, "f")
        transaction.functions.delete(HERE, "f")
        assert transaction.totals.of(HERE) == Totals()


def test_settings_that_name_other_services_are_kept_with_the_configuration(catalog: Catalog) -> None:
    plain = function("f")
    whole = replace(
        plain,
        configuration=replace(
            plain.configuration,
            vpc=Vpc(("subnet-1",), ("sg-1",), True),
            dead_letter="arn:aws:sqs:eu-west-1:123456789012:q",
            kms_key="arn:aws:kms:eu-west-1:123456789012:key/k",
            tracing="Active",
            file_systems=(FileSystem("arn:aws:elasticfilesystem:…", "/mnt/data"),),
            snap_start="PublishedVersions",
            image=Image("repository:latest", command=("a", "b")),
        ),
    )
    with catalog.writing() as transaction:
        transaction.functions.add(whole, {})
        assert transaction.functions.find(HERE, "f") == whole
