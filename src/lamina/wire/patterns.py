"""The model's regular expressions, which are Java's, as Python ones."""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache
from itertools import groupby

_CATEGORY = re.compile(r"\\p\{(\w+)\}")


@cache
def matcher(pattern: str) -> re.Pattern[str]:
    r"""*pattern* compiled; use its `fullmatch`. `\d` and `\w` mean ASCII, as in Java; `\p{L}` works inside brackets.

    Compiled when first needed: the model has hundreds, a server uses few of them.
    """
    return re.compile(_CATEGORY.sub(lambda match: _ranges(match[1]), pattern), re.ASCII)


@cache
def _ranges(category: str) -> str:
    """All characters of a Unicode *category* (`L`, `Zs`, …) as the inside of a bracket."""
    ranges = []
    inside = (code for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)).startswith(category))
    for _, run in groupby(enumerate(inside), lambda pair: pair[1] - pair[0]):
        codes = [code for _, code in run]
        ranges.append(f"{re.escape(chr(codes[0]))}-{re.escape(chr(codes[-1]))}")
    return "".join(ranges)
