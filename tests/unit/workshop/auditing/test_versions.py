"""Which version is older: each language's own rules, by the examples of its own documents."""

from __future__ import annotations

from itertools import pairwise

import pytest

from lamina.workshop.auditing.versions import UnknownVersion, compare, lowest_first
from lamina.workshop.packages import Ecosystem

PYTHON, NODE, JAVA, RUBY = Ecosystem.PYTHON, Ecosystem.NODE, Ecosystem.JAVA, Ecosystem.RUBY


@pytest.mark.parametrize(
    ("ecosystem", "ascending"),
    [
        (PYTHON, "1.0.dev1 1.0a1 1.0rc1 1.0 1.0.post1 1.0.1 1.1 1.10 2!0.1"),
        (
            NODE,
            "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.2.0",
        ),
        (NODE, "1.0.0 1.0.1 1.2.0 1.10.0 2.0.0"),
        (RUBY, "1.0.a 1.0.a10 1.0.b1 1.0.rc1 1.0 1.0.1 1.2 1.10 2.a 2"),
        (JAVA, "1-alpha-1 1-alpha2 1-beta-1 1-m1 1-rc1 1-snapshot 1 1-sp 1-foo 1-1 1-2 1.1 1.2 1.10 2.0-beta9 2.0"),
        (JAVA, "31.1-jre 32.0.0-jre 32.0.1-jre"),
    ],
)
def test_each_is_older_than_all_that_follow(ecosystem: Ecosystem, ascending: str) -> None:
    versions = ascending.split()
    for one, other in pairwise(versions):
        assert (compare(ecosystem, one, other), compare(ecosystem, other, one)) == (-1, 1), (one, other)
    assert lowest_first(ecosystem, [*reversed(versions), versions[0]]) == tuple(versions)


@pytest.mark.parametrize(
    ("ecosystem", "one", "other"),
    [
        (PYTHON, "1.0", "1.0.0"),
        (PYTHON, "1.0-rc1", "1.0rc1"),
        (NODE, "1.0.0+linux", "1.0.0"),
        (NODE, "v1.2.3", "1.2.3"),
        (RUBY, "1.0.0", "1"),
        (JAVA, "1.0.0", "1"),
        (JAVA, "4.1.100.Final", "4.1.100"),
        (JAVA, "1-ga", "1"),
        (JAVA, "1.0-cr1", "1.0-rc1"),
        (JAVA, "1-a1", "1-alpha-1"),
        (JAVA, "1.0.0-0", "1"),
        (JAVA, "0.0", "0"),
    ],
)
def test_one_version_has_several_spellings(ecosystem: Ecosystem, one: str, other: str) -> None:
    assert compare(ecosystem, one, other) == 0


@pytest.mark.parametrize(
    ("ecosystem", "text"),
    [(PYTHON, "latest"), (NODE, "1.2"), (NODE, "workspace:*"), (RUBY, "x"), (RUBY, ""), (JAVA, "")],
)
def test_what_is_no_version_is_older_than_nothing(ecosystem: Ecosystem, text: str) -> None:
    with pytest.raises(UnknownVersion):
        compare(ecosystem, text, "1.0.0")
