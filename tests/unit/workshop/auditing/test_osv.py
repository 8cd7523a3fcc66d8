"""What records of the OSV format say of a component."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.workshop.auditing.advisories import Advisory, Audited, merged, unignored
from lamina.workshop.auditing.osv import advisory, may_concern, plain_names
from lamina.workshop.inventory.components import Component
from lamina.workshop.packages import Ecosystem

MEMBERS = (
    *("affected", "package", "ecosystem", "name", "versions", "ranges", "type", "events", "introduced", "fixed", "id"),
    *("aliases", "withdrawn", "summary", "details", "database_specific", "severity"),
)


def python(name: str, version: str) -> Component:
    return Component(Ecosystem.PYTHON, "", name, version, "record")


def record(name: str, *events: dict[str, str], ecosystem: str = "PyPI", kind: str = "ECOSYSTEM", **more: Any) -> Any:
    affected = {"package": {"ecosystem": ecosystem, "name": name}, "ranges": [{"type": kind, "events": [*events]}]}
    return {"id": "GHSA-aaaa-bbbb-cccc", "affected": [affected], **more}


def affects(said: Any, component: Component) -> bool:
    return advisory(said, component) is not None


@pytest.mark.parametrize(
    ("version", "is_affected"),
    [("0.9", False), ("1.0", True), ("1.4.9", True), ("1.5", False), ("1.9", False), ("2.0rc1", True), ("2.1", False)],
)
def test_a_range_begins_with_what_is_introduced_and_ends_before_what_is_fixed(version: str, is_affected: bool) -> None:
    # In any order, which the format allows.
    said = record("requests", {"fixed": "2.1"}, {"introduced": "1.0"}, {"introduced": "2.0a1"}, {"fixed": "1.5"})
    assert affects(said, python("requests", version)) is is_affected


def test_the_beginning_of_time_is_zero_and_the_last_affected_is_affected() -> None:
    said = record("requests", {"introduced": "0"}, {"last_affected": "1.5"})
    assert [affects(said, python("requests", version)) for version in ("0.0.dev1", "1.5", "1.5.1")] == [
        True,
        True,
        False,
    ]


def test_what_is_never_fixed_affects_every_later_version() -> None:
    assert affects(record("requests", {"introduced": "1.0"}), python("requests", "99"))


def test_versions_may_be_listed_and_python_spells_one_in_several_ways() -> None:
    said = {"id": "X", "affected": [{"package": {"ecosystem": "PyPI", "name": "Some.Package"}, "versions": ["1.0"]}]}
    assert affects(said, python("some_package", "1.0.0"))
    assert not affects(said, python("some_package", "1.0.1"))


def test_other_packages_of_the_name_are_others() -> None:
    range_of_all = {"introduced": "0"}
    node = Component(Ecosystem.NODE, "@scope", "tool", "1.0.0", "record")
    assert affects(record("@scope/tool", range_of_all, ecosystem="npm", kind="SEMVER"), node)
    assert not affects(record("tool", range_of_all, ecosystem="npm", kind="SEMVER"), node)
    assert not affects(record("@scope/tool", range_of_all, ecosystem="PyPI"), node)
    java = Component(Ecosystem.JAVA, "org.example", "tool", "1.0", "record")
    assert affects(record("org.example:tool", range_of_all, ecosystem="Maven:central"), java)
    assert not affects(record("org.other:tool", range_of_all, ecosystem="Maven"), java)


def test_ranges_of_commits_and_what_was_withdrawn_say_nothing() -> None:
    assert not affects(record("requests", {"introduced": "0"}, kind="GIT"), python("requests", "1"))
    assert not affects(
        record("requests", {"introduced": "0"}, withdrawn="2024-01-01T00:00:00Z"), python("requests", "1")
    )


def test_a_bound_that_is_no_version_says_nothing() -> None:
    said = record("requests", {"introduced": "0"}, {"fixed": "the-next-one"})
    found = advisory(said, python("requests", "1"))
    assert found is not None
    assert found.fixed_in == ()


def test_it_is_told_with_its_names_its_severity_and_the_versions_that_are_better() -> None:
    said = record(
        "requests",
        {"introduced": "0"},
        {"fixed": "0.9"},
        {"introduced": "1.0"},
        {"fixed": "1.10"},
        {"introduced": "2.0"},
        {"fixed": "2.2"},
        aliases=["CVE-2024-1"],
        details="First line.\nSecond.",
        database_specific={"severity": "HIGH"},
    )
    assert advisory(said, python("requests", "1.9")) == Advisory(
        "GHSA-aaaa-bbbb-cccc", ("CVE-2024-1",), "First line.", "high", ("1.10", "2.2")
    )


def test_most_records_are_passed_over_unread_and_none_that_matters() -> None:
    names = plain_names([python("Some.Package", "1")])
    for name, matters in (("some-package", True), ("Some_Package", True), ("some-package2", False)):
        assert may_concern(json.dumps(record(name), indent=1).encode(), names) is matters


def test_records_of_one_vulnerability_are_one_with_all_its_names() -> None:
    ours = Advisory("GHSA-1", ("CVE-1",), "", "high")
    theirs = Advisory("PYSEC-1", ("CVE-1", "OTHER-1"), "summary", "", ("2.0",))
    apart = Advisory("PYSEC-2", ("CVE-2",))
    assert merged([apart, theirs, ours]) == (
        Advisory("GHSA-1", ("CVE-1", "PYSEC-1", "OTHER-1"), "summary", "high", ("2.0",)),
        apart,
    )
    bridge = Advisory("CVE-2", ("GHSA-1",))
    assert len(merged([apart, theirs, ours, bridge])) == 1


def test_what_is_ignored_is_ignored_by_any_name_and_what_was_ignored_in_vain_is_known() -> None:
    audited = Audited(python("x", "1"), (Advisory("GHSA-a", ("CVE-1",)), Advisory("GHSA-b")), "database")
    kept, used = unignored(audited, frozenset(("CVE-1", "CVE-9")))
    assert [each.id for each in kept.advisories] == ["GHSA-b"]
    assert used == {"CVE-1"}


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=4),
        max_leaves=12,
    )
)
def test_a_record_that_is_none_says_nothing_and_breaks_nothing(value: Any) -> None:
    said = {**record("requests", {"introduced": "0"}), **value} if isinstance(value, dict) else {"affected": value}
    found = advisory(said, python("requests", "1"))
    assert found is None or isinstance(found, Advisory)
