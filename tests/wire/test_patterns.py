"""Java's regular expressions as Python's."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from lamina.wire.patterns import matcher


@pytest.mark.parametrize("category", ["L", "Z", "N", "Nd"])
def test_a_category_holds_exactly_its_characters(category: str) -> None:
    one = matcher(rf"[\p{{{category}}}]")
    # Surrogates are no characters.
    for code in (*range(0xD800), *range(0xE000, sys.maxunicode + 1)):
        belongs = unicodedata.category(chr(code)).startswith(category)
        assert (one.fullmatch(chr(code)) is not None) is belongs, hex(code)


def test_classes_mean_ascii_and_the_whole_value_must_match() -> None:
    assert matcher(r"\d{3}").fullmatch("123")
    assert not matcher(r"\d{3}").fullmatch("١٢٣")
    assert not matcher("[a-z]+").fullmatch("abc\n")
    assert not matcher("a|ab").fullmatch("abc")


def test_a_hyphen_behind_a_class_is_one_of_the_characters() -> None:
    assert all(matcher(r"[\w-_]").fullmatch(one) for one in "a_-")
    assert not matcher(r"[\w-_]").fullmatch(".")
    assert matcher(r"[\w+=/:,.@-]*").fullmatch("a-")
